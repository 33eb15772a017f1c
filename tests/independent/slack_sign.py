"""Signs requests as Slack does, by Slack's own library."""

import json
import sys

from slack_sdk.signature import SignatureVerifier

given = json.load(sys.stdin)
verifier = SignatureVerifier(given["secret"])
signatures = [
    verifier.generate_signature(timestamp=one["timestamp"], body=one["body"]) for one in given["requests"]
]
print(json.dumps(signatures))
