"""What an account has, for comparison: prints the documents and settings that the set-up made, then forgets everything.

    cloud.py ENDPOINT NAME BUCKET
"""

import json
import sys
import urllib.request

import boto3
import botocore.exceptions

endpoint, name, bucket = sys.argv[1:]


def client(service):
    return boto3.client(
        service,
        endpoint_url=endpoint,
        region_name="eu-west-1",
        aws_access_key_id="reader",
        aws_secret_access_key="secret",
    )


iam, iot, s3 = client("iam"), client("iot"), client("s3")
role = iam.get_role(RoleName=name)["Role"]
alias = iot.describe_role_alias(roleAlias=name)["roleAliasDescription"]


def asked(call, key):
    """Null where moto does not make this setting in a stack."""
    try:
        return call(Bucket=bucket)[key]
    except botocore.exceptions.ClientError:
        return None


things = [thing["thingName"] for thing in iot.list_things()["things"]]
principals = [
    principal for thing in things for principal in iot.list_thing_principals(thingName=thing)["principals"]
]
print(
    json.dumps(
        {
            "documents": {
                "trust": role["AssumeRolePolicyDocument"],
                "upload": iam.get_role_policy(RoleName=name, PolicyName="upload")["PolicyDocument"],
                "device": json.loads(iot.get_policy(policyName=name)["policyDocument"]),
                "tls_only": json.loads(s3.get_bucket_policy(Bucket=bucket)["Policy"]),
            },
            "settings": {
                "alias_is_of_role": alias["roleArn"] == role["Arn"],
                "duration": alias["credentialDurationSeconds"],
                "public_access": asked(s3.get_public_access_block, "PublicAccessBlockConfiguration"),
                "lifecycle": asked(s3.get_bucket_lifecycle_configuration, "Rules"),
            },
            "things": things,
            "certificates": [
                [certificate["status"], certificate["certificateArn"] in principals]
                for certificate in iot.list_certificates()["certificates"]
            ],
            "policy_targets": len(iot.list_targets_for_policy(policyName=name)["targets"]),
            "rules": [iot.get_topic_rule(ruleName=rule["ruleName"])["rule"]["sql"] for rule in iot.list_topic_rules()["rules"]],
        }
    )
)
urllib.request.urlopen(urllib.request.Request(endpoint + "/moto-api/reset", method="POST")).read()
