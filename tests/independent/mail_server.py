"""A mail server on loopback. The first line on standard output is its port; then each mail as JSON."""

import asyncio
import email
import email.policy
import json

from aiosmtpd.smtp import SMTP


class Handler:
    async def handle_DATA(self, server, session, envelope):
        mail = email.message_from_bytes(envelope.content, policy=email.policy.default)
        parts = list(mail.iter_parts())
        content = {part.get_content_subtype(): part.get_content() for part in parts}
        told = {
            "to": envelope.rcpt_tos,
            "subject": mail["subject"],
            "message_id": mail["message-id"],
            "references": mail["references"],
            "list_id": mail["list-id"],
            "kinds": [part.get_content_type() for part in parts],
            "text": content.get("plain"),
            "html": content.get("html"),
            "defects": [str(defect) for part in [mail, *parts] for defect in part.defects],
        }
        print(json.dumps(told), flush=True)
        return "250 OK"


async def main():
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: SMTP(Handler()), host="127.0.0.1", port=0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


asyncio.run(main())
