"""A real SMTP server of aiosmtpd: STARTTLS, TLS or neither, with a login.

    smtp_server.py FOLDER SECURITY [CERTIFICATE KEY]

SECURITY is starttls, tls or none. Prints its port. Each mail becomes a file of JSON, as Python's own parser reads it. The login is farol / s3cr3t. Mail to busy@... is answered 451, to nobody@... 550.
"""

import asyncio
import email
import email.policy
import itertools
import json
import pathlib
import ssl
import sys

from aiosmtpd.smtp import SMTP, AuthResult


class Keeper:
    """Writes each mail into the folder, whole before it has its name."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.numbers = itertools.count(1)

    async def handle_RCPT(self, server, session, envelope, address, options):
        if address.startswith("busy@"):
            return "451 4.3.2 try again later"
        if address.startswith("nobody@"):
            return "550 5.1.1 no such mailbox"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        number = next(self.numbers)
        mail = email.message_from_bytes(envelope.content, policy=email.policy.default)
        told = {
            "tls": session.ssl is not None,
            "login": bool(session.authenticated),
            "receivers": envelope.rcpt_tos,
            "headers": {name.lower(): value for name, value in mail.items()},
            "defects": [str(defect) for part in mail.walk() for defect in part.defects],
            "parts": {part.get_content_type(): part.get_content() for part in mail.iter_parts()},
        }
        partial = self.folder / f".{number}"
        partial.write_text(json.dumps(told))
        partial.rename(self.folder / f"{number}.json")
        return "250 2.0.0 kept"


def login(server, session, envelope, mechanism, data):
    known = data.login == b"farol" and data.password == b"s3cr3t"
    return AuthResult(success=known, handled=False)


def main():
    folder, security, *files = sys.argv[1:]
    context = None
    if files:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*files)
    settings = {"authenticator": login, "auth_required": security != "none", "auth_require_tls": security != "none"}
    if security == "starttls":
        settings.update(tls_context=context, require_starttls=True)
    if security == "tls":
        # The connection is encrypted before SMTP begins, which aiosmtpd does not count as TLS of its own.
        settings.update(auth_require_tls=False)
    keeper = Keeper(folder)
    loop = asyncio.new_event_loop()
    server = loop.run_until_complete(
        loop.create_server(
            lambda: SMTP(keeper, hostname="smtp.test", loop=loop, **settings),
            "127.0.0.1",
            0,
            ssl=context if security == "tls" else None,
        )
    )
    print(server.sockets[0].getsockname()[1], flush=True)
    loop.run_forever()


main()
