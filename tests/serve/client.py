"""boto3 as a client of homing serve: for each line on standard input one signed call to STS, by one client that lives as
long as this program. Prints the access key that signed the call, and whom STS takes the caller for."""

import re
import sys

import boto3

client = boto3.client("sts", endpoint_url=sys.argv[1], verify=sys.argv[2])
signed_by = None


def remember(request, **_):
    global signed_by
    authorization = request.headers["Authorization"]
    authorization = authorization.decode() if isinstance(authorization, bytes) else authorization
    signed_by = re.search("Credential=([^/]+)/", authorization).group(1)


client.meta.events.register("before-send.sts.*", remember)
for _ in sys.stdin:
    identity = client.get_caller_identity()
    print(signed_by, identity["Arn"], flush=True)
