"""A mail server beside a test: STARTTLS and a login are required. Prints its port, then each mail as a line of JSON.

python mailbox.py PORT CERTIFICATE KEY USER PASSWORD
"""

import asyncio
import json
import ssl
import sys

from aiosmtpd.smtp import SMTP, AuthResult

port, certificate, key, user, password = sys.argv[1:]
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(certificate, key)


def authenticate(server, session, envelope, mechanism, data):
    given = (data.login, data.password)
    return AuthResult(success=given == (user.encode(), password.encode()), handled=False)


class Handler:
    async def handle_DATA(self, server, session, envelope):
        mail = {
            "from": envelope.mail_from,
            "to": envelope.rcpt_tos,
            "text": envelope.content.decode(),
            "tls": session.ssl is not None,
            "login": session.authenticated,
        }
        print(json.dumps(mail), flush=True)
        return "250 OK"


async def main():
    def server():
        return SMTP(
            Handler(),
            hostname="localhost",
            tls_context=context,
            require_starttls=True,
            authenticator=authenticate,
            auth_required=True,
        )

    listening = await asyncio.get_running_loop().create_server(server, "127.0.0.1", int(port))
    print(listening.sockets[0].getsockname()[1], flush=True)
    await listening.serve_forever()


asyncio.run(main())
