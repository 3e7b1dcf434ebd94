variable "name" {
  description = "The name of the role, its alias and the policy, and the beginning of the rules' names."
  type        = string
  default     = "device-upload"

  validation {
    condition     = can(regex("^[A-Za-z0-9_-]{1,64}$", var.name))
    error_message = "A role's name has 1 to 64 letters, digits, hyphens and underscores here."
  }
}

variable "bucket" {
  description = "The bucket to make, a name of your own. Each device may put objects below THING/ in it, and nothing else."
  type        = string
}

variable "devices" {
  description = "The certificate request (PEM) of each thing, by thing name. The key stays on the device."
  type        = map(string)

  validation {
    condition     = alltrue([for thing in keys(var.devices) : can(regex("^[a-zA-Z0-9:_-]{1,128}$", thing))])
    error_message = "A thing's name has 1 to 128 letters, digits, colons, hyphens and underscores."
  }
}

variable "topic" {
  description = "The one topic that devices may publish to."
  type        = string
  default     = "file/upload"
}

variable "credential_duration" {
  description = "How long the credentials of a device live, in seconds."
  type        = number
  default     = 3600

  validation {
    condition     = var.credential_duration >= 900 && var.credential_duration <= 43200
    error_message = "AWS takes 900 to 43200 seconds, and no more than the role's own longest session."
  }
}

variable "consumers" {
  description = "The Lambda function (ARN) that gets the messages of a type, by type: file_content, s3_url. None: no rule."
  type        = map(string)
  default     = {}

  validation {
    condition     = alltrue([for type in keys(var.consumers) : contains(["file_content", "s3_url"], type)])
    error_message = "Messages are of the types file_content and s3_url."
  }
}
