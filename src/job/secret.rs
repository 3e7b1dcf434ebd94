//! Secrets from Secrets Manager, and `homing secret get`.

use super::network::Network;
use super::service::ServiceClient;
use super::signer::Signer;
use super::{screen, secret_field};
use crate::aws::endpoint::{Service, Variant};
use crate::aws::secrets_manager::{self, GetSecretValue, REPLY_CAPACITY, SecretValue};
use crate::cli::{GetSecret, SecretReference};
use crate::config::Config;
use crate::error::{Error, Fault, Result};
use std::io::{IsTerminal, Write};
use zeroize::Zeroizing;

/// Prints a secret to standard output: its exact bytes, and on a terminal a newline behind them.
///
/// # Errors
/// It is not to be had, has no such key, or standard output cannot be written.
pub fn run(config: &Config, command: &GetSecret) -> Result<u8> {
    let network = Network::new(config)?;
    let GetSecret { secret: SecretReference { id, key }, version_stage, version_id } = command;
    let client = open(config, &network, id)?;
    let signer = Signer::obtain(config, &network)?;
    let value = fetch(&client, &network, &signer, id, version_stage.as_deref(), version_id.as_deref())?;
    let is_terminal = std::io::stdout().is_terminal();
    if let (SecretValue::Binary(bytes), None, false) = (&value, key, is_terminal) {
        screen::print(|out| out.write_all(bytes))?;
        return Ok(0);
    }
    let text = text(id, &value, key.as_deref())?;
    let end = if is_terminal && !text.ends_with('\n') { "\n" } else { "" };
    screen::print(|out| out.write_all(text.as_bytes()).and_then(|()| out.write_all(end.as_bytes())))?;
    Ok(0)
}

pub use secret_field::keys;

/// Several secrets, each of which is fetched once however often it is wanted.
pub struct Secrets<'c> {
    config: &'c Config,
    network: &'c Network<'c>,
    /// By region.
    clients: Vec<(String, ServiceClient)>,
    /// By id.
    values: Vec<(String, SecretValue)>,
}

impl<'c> Secrets<'c> {
    /// None yet.
    pub fn new(config: &'c Config, network: &'c Network<'c>) -> Self {
        Self { config, network, clients: Vec::new(), values: Vec::new() }
    }

    /// Begins to connect to where a secret is, so that the connection is there when the credentials are.
    ///
    /// # Errors
    /// No region is set, or the CA file cannot be used.
    pub fn expect(&mut self, secret: &SecretReference) -> Result<()> {
        self.client(&secret.id).map(|_| ())
    }

    /// The secret's text, or that of one of its keys.
    ///
    /// # Errors
    /// It is not to be had, is no text, or has no such key.
    pub fn text(&mut self, signer: &Signer, secret: &SecretReference) -> Result<Zeroizing<String>> {
        let SecretReference { id, key } = secret;
        let network = self.network;
        let known = match self.values.iter().position(|(known, _)| known == id) {
            Some(known) => known,
            None => {
                let value = fetch(self.client(id)?, network, signer, id, None, None)?;
                self.values.push((id.clone(), value));
                self.values.len() - 1
            }
        };
        text(id, &self.values[known].1, key.as_deref())
    }

    fn client(&mut self, id: &str) -> Result<&ServiceClient> {
        let region = region(self.config, id)?;
        let known = match self.clients.iter().position(|(known, _)| known == region) {
            Some(known) => known,
            None => {
                self.clients.push((region.to_owned(), open(self.config, self.network, id)?));
                self.clients.len() - 1
            }
        };
        Ok(&self.clients[known].1)
    }
}

/// An ARN says itself where its secret is.
fn region<'a>(config: &'a Config, id: &'a str) -> Result<&'a str> {
    secrets_manager::region_of(id).map_or_else(|| config.region(), Ok)
}

fn open(config: &Config, network: &Network<'_>, id: &str) -> Result<ServiceClient> {
    ServiceClient::open_in(config, network, Service::SecretsManager, region(config, id)?, Variant::ORDINARY)
}

fn fetch(
    client: &ServiceClient,
    network: &Network<'_>,
    signer: &Signer,
    id: &str,
    version_stage: Option<&str>,
    version_id: Option<&str>,
) -> Result<SecretValue> {
    log::info!("fetching secret {id:?} from {}", client.authority());
    let call = GetSecretValue { authority: client.authority(), id, version_stage, version_id };
    let body = call.body();
    let mut buffer = Zeroizing::new(vec![0; REPLY_CAPACITY]);
    let request = || call.request(body.len());
    client.call(network, signer, request, body.as_bytes(), &mut buffer, |reply, now| call.parse(reply, now))
}

fn text(id: &str, value: &SecretValue, key: Option<&str>) -> Result<Zeroizing<String>> {
    let text = match value {
        SecretValue::Text(text) => text.as_str(),
        // Whoever stored a text as binary meant the text.
        SecretValue::Binary(bytes) => std::str::from_utf8(bytes).map_err(|_| {
            Error::new(Fault::Data, "binary_secret", format!("secret {id:?} is binary, not text"))
                .with_remedy(format!("write it to a file: homing secret get {id} > FILE"))
        })?,
    };
    match key {
        None => Ok(Zeroizing::new(text.to_owned())),
        Some(key) => secret_field::find(id, text, key),
    }
}
