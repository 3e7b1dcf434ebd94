//! A signed call to one of AWS's services: endpoint, signature, reply.

use super::attempts::attempted;
use super::network::Network;
use super::signer::Signer;
use crate::aws::endpoint::{Service, Variant};
use crate::config::{Config, Endpoint, Origin};
use crate::error::{Error, Fault, Result};
use crate::net::http::{Answer, Body, Client};
use crate::options::Id;
use crate::protocol::reply::Reply;
use crate::protocol::request::Request;
use crate::protocol::sigv4::{self, Payload};

/// One service at one endpoint, and the connection to it.
pub struct ServiceClient {
    service: Service,
    region: String,
    authority: String,
    client: Client,
}

impl ServiceClient {
    /// Finds the endpoint and begins to connect to it, so that the connection is there when the credentials are.
    ///
    /// # Errors
    /// No region is set, or it has no such endpoint; the CA file cannot be used.
    pub fn open(config: &Config, network: &Network<'_>, service: Service) -> Result<Self> {
        let region = match service {
            // Its registry has one region, whatever the device's is.
            Service::EcrPublic => ECR_PUBLIC_REGION,
            _ => config.region()?,
        };
        Self::open_in(config, network, service, region, Variant::ORDINARY)
    }

    /// The same in a region that is known from elsewhere, and by the endpoint's variant that goes with it.
    ///
    /// # Errors
    /// As [`ServiceClient::open`].
    pub fn open_in(
        config: &Config,
        network: &Network<'_>,
        service: Service,
        region: &str,
        variant: Variant,
    ) -> Result<Self> {
        let authority = match own_endpoint(config, service) {
            Some(endpoint) => endpoint.to_string(),
            None => {
                let variant = Variant {
                    fips: config.use_fips_endpoint || variant.fips,
                    dual_stack: config.use_dualstack_endpoint || variant.dual_stack,
                };
                service.host(region, variant)?
            }
        };
        let client = network.public_client()?;
        client.warm_up(&authority);
        Ok(Self { service, region: region.to_owned(), authority, client })
    }

    /// Host, and `:port` where one was set: for the request.
    pub fn authority(&self) -> &str {
        &self.authority
    }

    /// The region that signatures are made for.
    pub fn region(&self) -> &str {
        &self.region
    }

    /// Signs and sends what `request` makes, with `body`, reads the reply into `buffer`, and gives what `parse` makes of it:
    /// once, or as often as the attempts allow. `parse` is also given the time by the clock that signed, half way between
    /// request and reply.
    ///
    /// # Errors
    /// The request cannot be made or signed; the service cannot be reached; `parse`'s own.
    pub fn call<T>(
        &self,
        network: &Network<'_>,
        signer: &Signer,
        request: impl Fn() -> Result<Request>,
        body: &[u8],
        buffer: &mut [u8],
        parse: impl Fn(&Reply<'_>, i64) -> Result<T>,
    ) -> Result<T> {
        attempted(network, || {
            let answer = self.send(signer, request()?, body, buffer)?;
            parse(&answer.reply(), signer.at(answer.midpoint))
        })
    }

    fn send<'b>(&self, signer: &Signer, mut request: Request, body: &[u8], buffer: &'b mut [u8]) -> Result<Answer<'b>> {
        let (service, title) = (self.service.signing_name(), self.service.title());
        let (credentials, time) = (signer.credentials(), signer.time());
        sigv4::sign(&mut request, &credentials, &self.region, service, time, Payload::Bytes(body)).map_err(
            |error| {
                Error::new(Fault::Data, "cannot_sign", format!("the request to {title} cannot be signed: {error:?}"))
                    .with_remedy("shorten what was given, and use printable ASCII in it")
            },
        )?;
        log::debug!("{} {} of {title}", request.method, request.path);
        self.client.send(&request, if body.is_empty() { Body::Empty } else { Body::Bytes(body) }, buffer)
    }
}

fn own_endpoint(config: &Config, service: Service) -> Option<&Endpoint> {
    match service {
        Service::S3 => config.endpoint_url.as_ref(),
        Service::SecretsManager => config.endpoint_secretsmanager.as_ref(),
        Service::DynamoDb => config.endpoint_dynamodb.as_ref(),
        Service::Ecr => config.endpoint_ecr.as_ref(),
        // A VPC endpoint of ECR's is not one of the public registry's; but what is said of every service, or for this
        // very command, counts.
        Service::EcrPublic => config.endpoint_ecr.as_ref().filter(|_| {
            matches!(config.origin(Id::EndpointEcr), Origin::Flag(_) | Origin::Variable("AWS_ENDPOINT_URL"))
        }),
        Service::CodeArtifact => config.endpoint_codeartifact.as_ref(),
        Service::Sts => config.endpoint_sts.as_ref(),
    }
}

/// Amazon ECR Public API Reference, "Service endpoints": authorization tokens come from here alone.
const ECR_PUBLIC_REGION: &str = "us-east-1";
