//! The environment's proxy.

use homing_sandbox::{ConnectProxy, Service};

use crate::aws_names::{Aws, BUCKET_HOST, CREDENTIAL_ENDPOINT, DATA_ENDPOINT};
use crate::support::{Run, file, sandbox};

#[test]
fn everything_goes_through_the_proxy_mqtt_too() {
    for (via, port) in [("mqtt", 8883), ("https", 8443)] {
        let aws = Aws::start();
        let path = file(&aws.sandbox, "a.bin", 60_000);
        aws.run("send").args(["--via", via]).arg(path).succeed();
        assert_eq!((aws.sandbox.objects().len(), aws.sandbox.messages().len()), (1, 1));
        assert_eq!(
            aws.targets(),
            [format!("{DATA_ENDPOINT}:{port}"), format!("{CREDENTIAL_ENDPOINT}:443"), format!("{BUCKET_HOST}:443")]
        );
        // One tunnel each.
        assert_eq!(aws.proxy.requests().len(), 3);
    }
}

#[test]
fn every_spelling_of_the_variables_counts() {
    for (proxy_variable, no_proxy_variable) in
        [("HTTPS_PROXY", "no_proxy"), ("https_proxy", "NO_PROXY"), ("ALL_PROXY", "no_proxy"), ("all_proxy", "NO_PROXY")]
    {
        let sandbox = sandbox();
        let proxy = ConnectProxy::start().unwrap();
        let publish = || {
            let url = format!("http://{}", proxy.address());
            Run::new(&sandbox, "publish").args(["t", "-m", "x"]).env(proxy_variable, url)
        };
        publish().succeed();
        assert_eq!(proxy.requests().len(), 1, "{proxy_variable}");
        publish().env(no_proxy_variable, "example.com,localhost").succeed();
        assert_eq!(proxy.requests().len(), 1, "{no_proxy_variable}");
        publish().env(no_proxy_variable, "*").succeed();
        assert_eq!(proxy.requests().len(), 1, "{no_proxy_variable}=*");
    }
}

#[test]
fn hosts_named_by_no_proxy_are_reached_directly() {
    let sandbox = sandbox();
    let proxy = ConnectProxy::start().unwrap();
    let path = file(&sandbox, "a.bin", 60_000);
    let url = format!("http://{}", proxy.address());
    Run::new(&sandbox, "send").env("HTTPS_PROXY", &url).env("NO_PROXY", "localhost").arg(&path).succeed();
    assert_eq!(proxy.requests(), []);
    Run::new(&sandbox, "send").env("HTTPS_PROXY", &url).env("NO_PROXY", "example.com").arg(&path).succeed();
    assert_eq!(proxy.requests().len(), 3);
    assert_eq!(sandbox.messages().len(), 2);
}

#[test]
fn no_proxy_can_name_some_hosts_and_leave_others() {
    let aws = Aws::start();
    let path = file(&aws.sandbox, "a.bin", 60_000);
    // S3 alone is reached directly: by an endpoint on this machine.
    let endpoint = format!("https://localhost:{}", aws.sandbox.port(Service::S3));
    aws.run("send")
        .args(["--endpoint-url", &endpoint, "--path-style"])
        .env("NO_PROXY", "localhost")
        .arg(path)
        .succeed();
    assert_eq!(aws.targets(), [format!("{DATA_ENDPOINT}:8883"), format!("{CREDENTIAL_ENDPOINT}:443")]);
    assert_eq!(aws.sandbox.messages().len(), 1);
}

#[test]
fn a_proxy_with_a_password() {
    let sandbox = sandbox();
    let proxy = ConnectProxy::start_with_authentication("user", "p@ss:word").unwrap();
    let path = file(&sandbox, "a.bin", 60_000);
    let run = Run::new(&sandbox, "send")
        .env("HTTPS_PROXY", format!("http://user:p%40ss%3Aword@{}", proxy.address()))
        .arg("-vvv")
        .arg(&path)
        .succeed();
    assert!(proxy.requests().iter().all(|request| request.status == 200));
    assert!(!run.stderr.contains("p@ss") && !run.stderr.contains("p%40ss"), "{run:?}");
    let run = Run::new(&sandbox, "send")
        .env("HTTPS_PROXY", format!("http://user:wrong-secret@{}", proxy.address()))
        .arg(&path)
        .finish();
    assert_eq!(run.code, Some(77), "{run:?}");
    assert!(run.stderr.contains("HTTPS_PROXY") && !run.stderr.contains("wrong-secret"), "{run:?}");
    assert_eq!(sandbox.messages().len(), 1);
}

#[test]
fn plain_http_to_the_device_itself_needs_no_proxy() {
    let sandbox = sandbox();
    let proxy = ConnectProxy::start().unwrap();
    let endpoint = sandbox.container_endpoint();
    Run::new(&sandbox, "credentials")
        .args(["--credentials", "container"])
        .env("AWS_CONTAINER_CREDENTIALS_FULL_URI", &endpoint.full_uri)
        .env("AWS_CONTAINER_AUTHORIZATION_TOKEN", &endpoint.authorization_token)
        .env("HTTPS_PROXY", format!("http://{}", proxy.address()))
        .env("ALL_PROXY", format!("http://{}", proxy.address()))
        .succeed();
    assert_eq!(proxy.requests(), []);
}
