"""Delivers one file from an IoT device with boto3 and AWSIoTPythonSDK: what homing is measured beside.

At most 51,200 bytes go inside the message; a larger file goes to S3, and the message says where it is.
"""

import base64
import http.client
import json
import os
import ssl
import sys

from AWSIoTPythonSDK.MQTTLib import AWSIoTMQTTClient

SETTINGS = dict(line.rstrip().split("=", 1) for line in open(os.environ["DEVICE_SETTINGS"]))
MAX_INLINE = 51_200


def credentials():
    context = ssl.create_default_context(cafile=SETTINGS["CA_FILE"])
    context.load_cert_chain(SETTINGS["CERTIFICATE"], SETTINGS["PRIVATE_KEY"])
    connection = http.client.HTTPSConnection(SETTINGS["CREDENTIAL_ENDPOINT"], context=context)
    path = "/role-aliases/%s/credentials" % SETTINGS["ROLE_ALIAS"]
    connection.request("GET", path, headers={"x-amzn-iot-thingname": SETTINGS["THING"]})
    response = connection.getresponse()
    if response.status != 200:
        sys.exit("credentials: %d" % response.status)
    return json.load(response)["credentials"]


def upload(path, name):
    # A small file needs none of it, and it takes half of the time.
    import boto3

    keys = credentials()
    s3 = boto3.client(
        "s3",
        region_name=SETTINGS["REGION"],
        endpoint_url="https://" + SETTINGS["S3_ENDPOINT"],
        verify=SETTINGS["CA_FILE"],
        aws_access_key_id=keys["accessKeyId"],
        aws_secret_access_key=keys["secretAccessKey"],
        aws_session_token=keys["sessionToken"],
    )
    s3.upload_file(path, SETTINGS["BUCKET"], name)


def publish(message):
    client = AWSIoTMQTTClient(SETTINGS["THING"])
    client.configureEndpoint(SETTINGS["DATA_HOST"], int(SETTINGS["DATA_PORT"]))
    client.configureCredentials(SETTINGS["CA_FILE"], SETTINGS["PRIVATE_KEY"], SETTINGS["CERTIFICATE"])
    client.configureConnectDisconnectTimeout(10)
    client.configureMQTTOperationTimeout(10)
    client.connect()
    client.publish("file/upload", json.dumps(message), 1)
    client.disconnect()


def main():
    path = sys.argv[1]
    name = os.path.basename(path)
    if os.path.getsize(path) <= MAX_INLINE:
        with open(path, "rb") as file:
            content = base64.b64encode(file.read()).decode()
        publish({"type": "file_content", "content": content})
    else:
        upload(path, name)
        publish({"type": "s3_url", "url": "https://%s.s3.amazonaws.com/%s" % (SETTINGS["BUCKET"], name)})


main()
