"""Verifies deliveries from standard input with the library of Standard Webhooks.

The tests' clock stands still at a time of its own, so that the library's check of the time is set to
that time first.
"""

import json
import sys
from datetime import datetime, timezone
from unittest import mock

import standardwebhooks.webhooks as webhooks

given = json.load(sys.stdin)
webhook = webhooks.Webhook(given["secret"])
for delivery in given["deliveries"]:
    at = datetime.fromtimestamp(int(delivery["headers"]["webhook-timestamp"]), tz=timezone.utc)
    with mock.patch.object(webhooks, "datetime", wraps=datetime) as clock:
        clock.now.return_value = at
        verified = webhook.verify(delivery["body"], delivery["headers"])
        assert verified["code"], verified
        try:
            webhook.verify(delivery["body"] + " ", delivery["headers"])
        except webhooks.WebhookVerificationError:
            pass
        else:
            sys.exit("a changed body was verified")
print(f"{len(given['deliveries'])} deliveries are verified")
