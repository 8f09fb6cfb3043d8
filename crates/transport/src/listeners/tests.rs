use crate::endpoint::Limits;
use crate::net::Code;
use crate::testing::{Ca, soon};
use crate::tls::Peers;

use super::*;

fn entry() -> Entry {
    let plenty = RateLimit { per_second: 1000, burst: 1000 };
    Entry { handshakes: NonZeroUsize::MIN, of_network: plenty, in_all: plenty }
}

/// quinn's driver ends when its socket fails; the endpoint then looks like one that was closed.
#[tokio::test]
async fn an_endpoint_that_is_gone_before_the_drain_is_an_error() {
    let ca = Ca::new("net");
    let (clock, shutdown) = (Clock::start(), Shutdown::new());
    let run = |endpoint, shutdown| accept(endpoint, entry(), clock, Seats::new(4), shutdown, |_, _| {});

    let endpoint = ca.listener("outer-1", &Peers::Anonymous, &Limits::PUBLIC);
    endpoint.close(Code::NONE, b"");
    let error = soon(run(endpoint, shutdown.clone())).await.unwrap_err();
    assert!(error.to_string().contains("its socket is gone"), "{error}");

    let endpoint = ca.listener("outer-1", &Peers::Anonymous, &Limits::PUBLIC);
    shutdown.drain();
    endpoint.close(Code::NONE, b"");
    assert_eq!(soon(run(endpoint, shutdown)).await, Ok(()));
}

#[tokio::test]
async fn a_dialling_endpoint_that_is_gone_is_an_error() {
    let dialler = crate::testing::dialler(Ca::new("net").sender());
    dialler.close(Code::NONE, b"");
    assert!(soon(until_gone(dialler)).await.is_err());
}
