"""A process that holds the connections of episodes to their databases on servers.

It is the process of `trajectune.environments.database.engine.server`, with the same limits; a request has
the `place` to connect to instead of an image.
"""

from __future__ import annotations

from trajectune.environments.database.engine.server import serve
from trajectune.environments.database.servers.connection import Connection

if __name__ == "__main__":
    serve(lambda request, _: Connection(request["place"]))
