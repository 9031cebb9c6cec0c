"""Orders over HTTP: the whole circle from a request to its response.

    python examples/full_circle.py [PORT]

    client -> http -> auth -> reserve -> warehouse -> acknowledge -> http -> client
                       :         :           :             :          :
                       +---------+-----------+-------------+----------+   errors

Post an order to it, as a user that it knows:

    curl --user alice:wonderland --data-binary @examples/data/orders/1001.xml \\
         --header "Content-Type: application/xml" http://127.0.0.1:8080/orders

Ctrl-C stops it; requests that are on their way are answered first.
"""

import sys
from pathlib import Path

from compysition import Actor, Director
from compysition.actors import XSLT, BasicAuth, HTTPServer
from compysition.event import XMLHttpEvent

DATA = Path(__file__).parent / "data"
ROUTES = {"routes": [{"path": "/<queue:re:orders>", "method": ["POST"]}]}


class Customers(BasicAuth):
    """Lets in whom it knows."""

    passwords = {"alice": "wonderland", "bob": "builder"}

    def _authenticate(self, user, password):
        expected = self.passwords.get(user, "")
        return self.compare_digest(password, expected) and user in self.passwords


class Warehouse(Actor):
    """Takes articles from its stock, as far as there are some."""

    input = output = XMLHttpEvent

    def __init__(self, name, *args, **kwargs):
        super().__init__(name, *args, **kwargs)
        self.stock = {}

    def consume(self, event, *args, **kwargs):
        for take in event.data.findall("take"):
            article, quantity = take.get("article"), int(take.get("quantity"))
            left = self.stock.get(article, 100_000) - quantity
            self.stock[article] = max(left, 0)
            if left < 0:
                take.set("missing", str(-left))
        self.send_event(event)


def build(port):
    director = Director(name="full_circle", log_level="WARNING")
    http = director.register_actor(
        HTTPServer, "http", address="127.0.0.1", port=port, routes_config=ROUTES
    )
    auth = director.register_actor(Customers, "auth")
    reserve = director.register_actor(XSLT, "reserve", (DATA / "reserve.xsl").read_bytes())
    warehouse = director.register_actor(Warehouse, "warehouse")
    acknowledge = director.register_actor(
        XSLT, "acknowledge", (DATA / "acknowledge.xsl").read_bytes()
    )

    director.connect_queue((http, "orders"), auth)
    director.connect_queue(auth, reserve)
    director.connect_queue(reserve, warehouse)
    director.connect_queue(warehouse, acknowledge)
    director.connect_queue(acknowledge, http)
    for actor in (auth, reserve, warehouse, acknowledge):
        director.connect_error_queue(actor, http)
    return director, http


def main():
    director, http = build(int(sys.argv[1]) if len(sys.argv) > 1 else 8080)
    director.start(block=False)
    print(f"Serving on http://{http.address}:{http.port}/orders", flush=True)
    director.block()


if __name__ == "__main__":
    main()
