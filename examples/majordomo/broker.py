"""A broker: gives requests to workers, and brings the answers back. There may be several, each with a port or a host of its own.

python examples/majordomo/broker.py [--registrar HOST] [--port PORT]
"""

import argparse

from compysition import Director
from compysition.actors import STDOUT, MDPBroker

parser = argparse.ArgumentParser()
parser.add_argument("--registrar", default="localhost", metavar="HOST")
parser.add_argument("--port", type=int, default=5555)
arguments = parser.parse_args()

director = Director()
director.register_actor(
    MDPBroker,
    "broker",
    arguments.port,
    registration_service_endpoint=f"tcp://{arguments.registrar}:6000",
)
director.register_log_actor(STDOUT, "log", timestamp=True)
director.start()
