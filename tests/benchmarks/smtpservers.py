"""Servers that receive the same mail: ``python -m tests.benchmarks.smtpservers NAME PORT``."""

import sys

CONNECTIONS = 2000


def ours(port):
    """Each message becomes an event with its headers and its text."""
    from compysition import Director
    from compysition.actors import Null, SMTPIn

    director = Director(log_level="ERROR", generate_blockdiag=False)
    mail = director.register_actor(
        SMTPIn, "mail", "127.0.0.1", port, "json", max_connections=CONNECTIONS
    )
    director.connect_queue(mail, director.register_actor(Null, "null"))
    director.start()


def aiosmtpd(port):
    """Messages are discarded unread."""
    import asyncio

    from aiosmtpd.handlers import Sink
    from aiosmtpd.smtp import SMTP

    async def serve():
        loop = asyncio.get_running_loop()
        server = await loop.create_server(
            lambda: SMTP(Sink(), hostname="x"), "127.0.0.1", port, backlog=4096
        )
        await server.serve_forever()

    asyncio.run(serve())


SERVERS = {function.__name__: function for function in (ours, aiosmtpd)}


if __name__ == "__main__":
    SERVERS[sys.argv[1]](int(sys.argv[2]))
