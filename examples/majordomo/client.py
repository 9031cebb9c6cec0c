"""An HTTP server whose requests are served by workers: /test_service asks for the service of that name.

python examples/majordomo/client.py [--registrar HOST] [--port PORT]
"""

import argparse

from compysition import Director
from compysition.actors import STDOUT, WSGI, MDPClient

parser = argparse.ArgumentParser()
parser.add_argument("--registrar", default="localhost", metavar="HOST")
parser.add_argument("--port", type=int, default=7000)
arguments = parser.parse_args()

director = Director()
http = director.register_actor(
    WSGI, "http", run_server=True, address="127.0.0.1", port=arguments.port
)
client = director.register_actor(
    MDPClient, "client", registration_publisher_host=arguments.registrar, timeout=10
)
director.register_log_actor(STDOUT, "log", timestamp=True)

director.connect_queue(http, client)
director.connect_queue(client, http)
director.connect_error_queue(client, http)

director.start()
