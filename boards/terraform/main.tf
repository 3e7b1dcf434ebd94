# What a fleet of devices needs to deliver files with homing: a bucket, a role that may do nothing but put objects below
# the thing's own name, an alias by which the credential provider hands that role out, one policy for all certificates,
# and for each device a thing with its certificate.

data "aws_partition" "current" {}

data "aws_caller_identity" "current" {}

data "aws_region" "current" {}

# The account's own; the ones of the type iot:Data without ATS have certificates that nobody trusts any more.
data "aws_iot_endpoint" "credentials" {
  endpoint_type = "iot:CredentialProvider"
}

data "aws_iot_endpoint" "data" {
  endpoint_type = "iot:Data-ATS"
}

locals {
  iot = "arn:${data.aws_partition.current.partition}:iot:${data.aws_region.current.region}:${data.aws_caller_identity.current.account_id}"

  # Who may take the role: the credential provider.
  trust = {
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Service = "credentials.iot.amazonaws.com" }
      Action    = "sts:AssumeRole"
    }]
  }

  # What credentials from the alias are good for. The credential provider fills the thing's name in, and gives it only to
  # a certificate that is attached to that thing. The two further actions let homing ask which parts of an interrupted
  # upload are there, and abort one that is given up.
  upload = {
    Version = "2012-10-17"
    Statement = [{
      Effect   = "Allow"
      Action   = ["s3:PutObject", "s3:AbortMultipartUpload", "s3:ListMultipartUploadParts"]
      Resource = "${aws_s3_bucket.files.arn}/$${credentials-iot:ThingName}/*"
    }]
  }

  # What a certificate itself is good for. AWS fills the thing's name in for a client id other than that name only if the
  # certificate is attached to this one thing and no other (EXCLUSIVE_THING, below).
  device = {
    Version = "2012-10-17"
    Statement = [
      {
        Effect   = "Allow"
        Action   = "iot:AssumeRoleWithCertificate"
        Resource = aws_iot_role_alias.upload.arn
      },
      {
        Effect   = "Allow"
        Action   = "iot:Connect"
        Resource = "${local.iot}:client/$${iot:Connection.Thing.ThingName}-homing"
      },
      {
        Effect   = "Allow"
        Action   = "iot:Publish"
        Resource = "${local.iot}:topic/${var.topic}"
      },
    ]
  }

  # Nobody, of whatever account, without TLS.
  tls_only = {
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Deny"
      Principal = "*"
      Action    = "s3:*"
      Resource  = [aws_s3_bucket.files.arn, "${aws_s3_bucket.files.arn}/*"]
      Condition = { Bool = { "aws:SecureTransport" = "false" } }
    }]
  }
}

# As every new bucket, it has no access control lists (BucketOwnerEnforced), and S3 encrypts what is in it.
resource "aws_s3_bucket" "files" {
  bucket = var.bucket
}

resource "aws_s3_bucket_public_access_block" "files" {
  bucket                  = aws_s3_bucket.files.id
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_policy" "files" {
  bucket = aws_s3_bucket.files.id
  policy = jsonencode(local.tls_only)

  depends_on = [aws_s3_bucket_public_access_block.files]
}

# The parts of uploads whose device never comes back cost money until somebody removes them.
resource "aws_s3_bucket_lifecycle_configuration" "files" {
  bucket = aws_s3_bucket.files.id

  rule {
    id     = "abandoned-uploads"
    status = "Enabled"

    filter {}

    abort_incomplete_multipart_upload {
      days_after_initiation = 7
    }
  }
}

resource "aws_iam_role" "upload" {
  name               = var.name
  assume_role_policy = jsonencode(local.trust)
  # A role's own limit is an hour unless it is raised.
  max_session_duration = max(3600, var.credential_duration)
}

resource "aws_iam_role_policy" "upload" {
  name   = "upload"
  role   = aws_iam_role.upload.id
  policy = jsonencode(local.upload)
}

resource "aws_iot_role_alias" "upload" {
  alias               = var.name
  role_arn            = aws_iam_role.upload.arn
  credential_duration = var.credential_duration
}

resource "aws_iot_policy" "device" {
  name   = var.name
  policy = jsonencode(local.device)
}

resource "aws_iot_thing" "device" {
  for_each = var.devices

  name = each.key
}

resource "aws_iot_certificate" "device" {
  for_each = var.devices

  csr    = each.value
  active = true
}

resource "aws_iot_policy_attachment" "device" {
  for_each = var.devices

  policy = aws_iot_policy.device.name
  target = aws_iot_certificate.device[each.key].arn
}

resource "aws_iot_thing_principal_attachment" "device" {
  for_each = var.devices

  thing                = aws_iot_thing.device[each.key].name
  principal            = aws_iot_certificate.device[each.key].arn
  thing_principal_type = "EXCLUSIVE_THING"
}

# A rule's name has letters, digits and underscores only.
resource "aws_iot_topic_rule" "consumer" {
  for_each = var.consumers

  name        = replace("${var.name}_${each.key}", "-", "_")
  enabled     = true
  sql         = "SELECT * FROM '${var.topic}' WHERE type = '${each.key}'"
  sql_version = "2016-03-23"

  lambda {
    function_arn = each.value
  }
}

resource "aws_lambda_permission" "consumer" {
  for_each = var.consumers

  statement_id   = aws_iot_topic_rule.consumer[each.key].name
  action         = "lambda:InvokeFunction"
  function_name  = each.value
  principal      = "iot.amazonaws.com"
  source_account = data.aws_caller_identity.current.account_id
  source_arn     = aws_iot_topic_rule.consumer[each.key].arn
}
