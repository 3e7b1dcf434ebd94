"""A real pypiserver, which during every request looks who on this machine holds the token that came with it: in its
arguments, in its environment, or in a file below the folders named. One line of JSON a request goes to the log."""

import base64
import json
import os
import sys
from wsgiref.simple_server import WSGIRequestHandler, make_server

import pypiserver

port, packages, log, *folders = sys.argv[1:]
# Without the fallback it would send pip to PyPI for what it has not.
index = pypiserver.app(roots=[packages], password_file=".", authenticate=[], disable_fallback=True)


def processes(name, secret):
    """The programs in whose /proc/PID/NAME the secret is."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/{name}", "rb") as file:
                if secret in file.read():
                    found.append(os.path.basename(os.readlink(f"/proc/{pid}/exe")))
        except OSError:
            pass  # Ended meanwhile, or somebody else's.
    return found


def files(secret):
    """The files below the folders that the secret is in."""
    found = []
    for folder in folders:
        for path, _, names in os.walk(folder):
            for name in names:
                try:
                    with open(os.path.join(path, name), "rb") as file:
                        if secret in file.read():
                            found.append(os.path.join(path, name))
                except OSError:
                    pass
    return found


def watching(environ, start_response):
    kind, _, value = environ.get("HTTP_AUTHORIZATION", "").partition(" ")
    secret = value.encode() if kind == "Bearer" else base64.b64decode(value).partition(b":")[2]
    with open(log, "a") as file:
        seen = {
            "path": environ["PATH_INFO"],
            "arguments": processes("cmdline", secret),
            "environments": processes("environ", secret),
            "files": files(secret),
        }
        file.write(json.dumps(seen) + "\n")
    environ["SCRIPT_NAME"] = environ.get("HTTP_X_FORWARDED_PREFIX", "")
    return index(environ, start_response)


class Quiet(WSGIRequestHandler):
    def log_message(self, *_):
        pass


make_server("127.0.0.1", int(port), watching, handler_class=Quiet).serve_forever()
