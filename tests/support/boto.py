"""One AWS API call by boto3, the client that homing's users come from. Reads the call as JSON on standard input, prints
the reply (or {"error": …}) as JSON; a body goes to the file named in "body_file". With a list of parameters it calls once
for each, and prints the list of replies."""

import base64
import json
import sys

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError


def binary(value):
    """Bytes, which JSON has not, are written as {"base64": …}."""
    return base64.b64decode(value["base64"]) if value.keys() == {"base64"} else value


call = json.load(sys.stdin, object_hook=binary)
credentials = call.get("credentials") or {}
client = boto3.client(
    call["service"],
    endpoint_url=call["endpoint"],
    verify=call["ca_file"],
    region_name=call["region"],
    aws_access_key_id=credentials.get("access_key_id"),
    aws_secret_access_key=credentials.get("secret_access_key"),
    aws_session_token=credentials.get("session_token"),
    config=Config(
        s3={"addressing_style": "path"},
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
        # radosgw gives sessions shorter than AWS's least when its own setting allows them; boto3 would not ask.
        parameter_validation=False,
        retries={"total_max_attempts": 1},
    ),
)
operation = getattr(client, call["operation"])
try:
    if isinstance(call["parameters"], list):
        reply = [operation(**parameters) for parameters in call["parameters"]]
    else:
        reply = operation(**call["parameters"])
    if "Body" in reply:
        with open(call["body_file"], "wb") as file:
            for piece in reply.pop("Body").iter_chunks():
                file.write(piece)
except ClientError as error:
    reply = {"error": error.response["Error"], "status": error.response["ResponseMetadata"]["HTTPStatusCode"]}
json.dump(reply, sys.stdout, default=str)
