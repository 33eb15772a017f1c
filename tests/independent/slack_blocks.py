"""Reads messages as JSON from standard input, and has Slack's own models judge their blocks."""

import json
import sys

from slack_sdk.models.blocks import ActionsBlock, Block, HeaderBlock, RichTextBlock
from slack_sdk.models.blocks.block_elements import RichTextSectionElement

messages = json.load(sys.stdin)
for message in messages:
    parsed = Block.parse_all(message["blocks"])
    kinds = [type(block) for block in parsed]
    assert kinds == [HeaderBlock, RichTextBlock, ActionsBlock], kinds
    for block, sent in zip(parsed, message["blocks"]):
        block.validate_json()
        # What the models do not know would be left out.
        assert block.to_dict() == sent, (block.to_dict(), sent)
    for section in parsed[1].elements:
        assert isinstance(section, RichTextSectionElement), section
        section.validate_json()
    (button,) = parsed[2].elements
    button.validate_json()
    assert button.url.startswith("https://doorward.contoso.com/requests/"), button.url
print(f"{len(messages)} messages are valid")
