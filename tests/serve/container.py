"""What people run in a container beside a component: boto3 finds credentials by two variables, and the device's name in
AWS_IOT_THING_NAME, as with Greengrass's token exchange service."""

import os
import time

import boto3

table = boto3.resource("dynamodb").Table("telemetry")
table.put_item(Item={"device_name": os.environ["AWS_IOT_THING_NAME"], "timestamp": int(time.time())})
