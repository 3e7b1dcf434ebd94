"""What an account has, for comparison: prints the documents and settings that the set-up made, then forgets everything.

    cloud.py ENDPOINT NAME BUCKET [TEMPLATE]

What moto does not make of a stack, the bucket's policy and settings, is read in the stack's template.
"""

import ast
import json
import sys
import urllib.request

import boto3
import yaml

endpoint, name, bucket = sys.argv[1:4]


def in_template(resource):
    """A resource's properties, its !Sub and !Ref resolved as far as the bucket's are."""
    text = open(sys.argv[4]).read().replace("${AWS::Partition}", "aws").replace("${Files}", bucket)
    yaml.SafeLoader.add_multi_constructor("!", lambda loader, tag, node: node.value)
    return yaml.safe_load(text)["Resources"][resource]["Properties"]


def client(service):
    return boto3.client(
        service,
        endpoint_url=endpoint,
        region_name="eu-west-1",
        aws_access_key_id="reader",
        aws_secret_access_key="secret",
    )


def document(text):
    """Of a stack moto keeps Python's text of a document in place of JSON's."""
    if isinstance(text, dict):
        return text
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return ast.literal_eval(text)


iam, iot, s3 = client("iam"), client("iot"), client("s3")
role = iam.get_role(RoleName=name)["Role"]
alias = iot.describe_role_alias(roleAlias=name)["roleAliasDescription"]
if len(sys.argv) > 4:
    bucket_policy = in_template("FilesPolicy")["PolicyDocument"]
    settings = in_template("Files")
    public_access = settings["PublicAccessBlockConfiguration"]
    lifecycle = settings["LifecycleConfiguration"]["Rules"]
else:
    bucket_policy = json.loads(s3.get_bucket_policy(Bucket=bucket)["Policy"])
    public_access = s3.get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"]
    lifecycle = s3.get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"]
s3.head_bucket(Bucket=bucket)
things = [thing["thingName"] for thing in iot.list_things()["things"]]
principals = [
    principal for thing in things for principal in iot.list_thing_principals(thingName=thing)["principals"]
]
print(
    json.dumps(
        {
            "documents": {
                "trust": role["AssumeRolePolicyDocument"],
                "upload": document(iam.get_role_policy(RoleName=name, PolicyName="upload")["PolicyDocument"]),
                "device": document(iot.get_policy(policyName=name)["policyDocument"]),
                "tls_only": bucket_policy,
            },
            "settings": {
                "alias_is_of_role": alias["roleArn"] == role["Arn"],
                "duration": alias["credentialDurationSeconds"],
                "public_access": public_access,
                "abandoned_uploads": [[rule["Status"], rule["AbortIncompleteMultipartUpload"]["DaysAfterInitiation"]] for rule in lifecycle],
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
