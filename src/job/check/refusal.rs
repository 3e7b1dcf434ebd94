//! What the credential provider's refusals may mean. AWS answers alike to different mistakes, so each cause that remains is
//! named, most likely first, with the command that tells it from the others.
//!
//! What it answers to which mistake is recorded in awslabs' aws-iot-core-credential-provider-session-helper,
//! `docs/dev_notes.md`: it looks at the thing first, then at the certificate's policy, then for the role alias, then at the
//! role. It does not say how it answers to a certificate that is not active; the AWS IoT Core Developer Guide ("Diagnosing
//! connectivity issues") says that such a one is refused before any policy is looked at.

use crate::error::Error;
use std::fmt::Write as _;

/// A refusal, and what is known around it.
pub(super) struct Refusal<'a> {
    pub(super) role_alias: &'a str,
    pub(super) thing_name: Option<&'a str>,
    pub(super) region: &'a str,
    /// The certificate's id in AWS IoT.
    pub(super) certificate: &'a str,
    /// The data endpoint has accepted the certificate.
    pub(super) is_active: bool,
    /// The data endpoint has refused it.
    pub(super) is_refused: bool,
    /// The reply's status; 0: there was none.
    pub(super) status: u16,
    /// What the provider says.
    pub(super) message: String,
}

/// A cause that remains possible, and the command that tells.
type Cause = (String, String);

impl Refusal<'_> {
    /// The error with the causes in place of its remedy, where it is a refusal.
    pub(super) fn explain(&self, error: Error) -> Error {
        let (code, causes) = match (self.status, error.code()) {
            (_, "data_endpoint_used") => return error,
            (0, "certificate_refused" | "tls_alert") => (CERTIFICATE_NOT_ACTIVE, self.inactive()),
            (401 | 403, _) if self.message.contains("thing name") => (THING_NOT_ATTACHED, self.thing()),
            (401 | 403, _) if self.message.contains("ertificate") => (CERTIFICATE_NOT_ACTIVE, self.inactive()),
            (401 | 403, _) => (NOT_ALLOWED, self.not_allowed()),
            (404, _) => (ROLE_ALIAS_UNKNOWN, self.unknown()),
            (400, _) if self.message.contains("Duration") => (SESSION_TOO_LONG, self.too_long()),
            (400, _) => (ROLE_NOT_ASSUMABLE, self.not_assumable()),
            _ => return error,
        };
        let mut remedy = String::new();
        for (number, (cause, command)) in causes.iter().enumerate() {
            let label = match (number, causes.len()) {
                (_, 1) => String::new(),
                (0, _) => "most likely first:\n1. ".to_owned(),
                (number, _) => format!("\n{}. ", number + 1),
            };
            // Writing to a String cannot fail.
            let _ = write!(remedy, "{label}{cause}: {command}");
        }
        if self.is_active {
            remedy.push_str("\n(the certificate is active: the data endpoint accepts it)");
        }
        Error::new(error.fault(), code, error.message()).with_remedy(remedy)
    }

    fn not_allowed(&self) -> Vec<Cause> {
        let (alias, region) = (self.role_alias, self.region);
        let policies = format!(
            "aws iot list-attached-policies --region {region} --target ARN, then aws iot get-policy --region {region} \
             --policy-name NAME (ARN: {})",
            self.describe_certificate("certificateArn")
        );
        // Where another server does not take it either, it is the certificate.
        let mut causes = if self.is_refused { self.inactive() } else { Vec::new() };
        causes.push((
            format!(
                "no policy attached to the certificate allows iot:AssumeRoleWithCertificate on \
                 arn:aws:iot:{region}:ACCOUNT:rolealias/{alias}"
            ),
            policies,
        ));
        if self.thing_name.is_none() {
            causes.push((
                "the policy uses ${iot:Connection.Thing.ThingName}, and no thing_name is sent".into(),
                "set thing_name".into(),
            ));
        }
        causes.push((
            format!("role_alias {alias:?} is misspelt: the policy is looked at before the alias"),
            format!("aws iot list-role-aliases --region {region}"),
        ));
        if !self.is_active && !self.is_refused {
            causes.extend(self.inactive());
        }
        if self.message.is_empty() {
            // Nothing tells it from these.
            if self.thing_name.is_some() {
                causes.extend(self.thing());
            }
            causes.extend(self.not_assumable());
        }
        causes
    }

    fn thing(&self) -> Vec<Cause> {
        let (thing, region) = (self.thing_name.unwrap_or_default(), self.region);
        vec![(
            format!("the thing {thing:?} is not attached to this certificate, or is spelt otherwise"),
            format!(
                "aws iot list-thing-principals --region {region} --thing-name {thing} has to name cert/{}; if not, aws iot \
                 attach-thing-principal --region {region} --thing-name {thing} --principal ARN",
                self.certificate
            ),
        )]
    }

    fn inactive(&self) -> Vec<Cause> {
        vec![
            ("the certificate is INACTIVE or REVOKED".into(), self.describe_certificate("status")),
            (
                format!("the certificate is not registered in this account and in {}", self.region),
                "the same command does not find it, or finds it in another region only".into(),
            ),
        ]
    }

    fn unknown(&self) -> Vec<Cause> {
        let (alias, region) = (self.role_alias, self.region);
        vec![(
            format!("there is no role alias {alias:?} in this account and in {region}"),
            format!("aws iot list-role-aliases --region {region}"),
        )]
    }

    fn too_long(&self) -> Vec<Cause> {
        vec![(
            "the role alias asks for a longer session than its role allows".into(),
            format!(
                "lower credentialDurationSeconds, or raise the role's MaxSessionDuration: {}",
                self.describe_alias()
            ),
        )]
    }

    fn not_assumable(&self) -> Vec<Cause> {
        vec![
            (
                "the role's trust policy does not allow sts:AssumeRole to the service credentials.iot.amazonaws.com"
                    .into(),
                format!(
                    "aws iam get-role --role-name ROLE --query Role.AssumeRolePolicyDocument (ROLE: {})",
                    self.describe_alias()
                ),
            ),
            ("the role has been deleted".into(), "the same command does not find it".into()),
        ]
    }

    fn describe_alias(&self) -> String {
        format!("aws iot describe-role-alias --region {} --role-alias {}", self.region, self.role_alias)
    }

    fn describe_certificate(&self, field: &str) -> String {
        let (region, id) = (self.region, self.certificate);
        format!(
            "aws iot describe-certificate --region {region} --certificate-id {id} --query certificateDescription.{field}"
        )
    }
}

/// The thing is not the certificate's.
pub(super) const THING_NOT_ATTACHED: &str = "thing_not_attached";
const CERTIFICATE_NOT_ACTIVE: &str = "certificate_not_active";
const NOT_ALLOWED: &str = "assume_role_not_allowed";
const ROLE_ALIAS_UNKNOWN: &str = "role_alias_unknown";
const SESSION_TOO_LONG: &str = "session_too_long";
const ROLE_NOT_ASSUMABLE: &str = "role_not_assumable";
