//! What arrives: contents of every kind, on whatever way is left.

mod support;

use std::io::Write;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use schleuse_client::{Content, Progress, Receipt, verify_receipt};
use schleuse_protocol::limits::SEGMENT_DATA;
use schleuse_protocol::wire::refusal::StreamRefusal;
use schleuse_protocol::wire::reply::Reason;
use support::{Act, Net, VENDOR, Wire, id, sample};

const DELIVER: fn(usize) -> Act = |_| Act::Deliver;
/// Much shorter than an address is dialled and a connection may be idle.
const AT_ONCE: Duration = Duration::from_secs(4);

#[tokio::test]
async fn a_content_of_every_kind_arrives_and_its_receipt_proves_it() {
    let mut net = Net::new();
    net.outer(DELIVER);
    let client = net.client();
    let bytes = sample(3 * SEGMENT_DATA + 100);
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(&bytes).unwrap();
    let contents = [
        Content::from(bytes.clone()),
        Content::file(file.path()).unwrap(),
        Content::reader(std::io::Cursor::new(bytes.clone())),
    ];
    for content in contents {
        let ticket = net.ticket();
        let receipt = client.send(&ticket, content).kind("guest-list").await.unwrap();
        net.office.look(&ticket, |stored| {
            assert_eq!(stored.content, bytes);
            let trailer = stored.trailer.as_ref().unwrap();
            assert_eq!(trailer.identity.as_ref().unwrap().member, id(VENDOR));
            assert_eq!(receipt.content_hash(), trailer.content_hash);
        });
        let kept = Receipt::from_json(&receipt.to_json()).unwrap();
        verify_receipt(&kept, &ticket, &net.directory()).unwrap();
        assert!(verify_receipt(&kept, &net.ticket(), &net.directory()).is_err());
    }
}

#[tokio::test]
async fn a_value_arrives_as_json_and_needs_no_kind_if_the_ticket_says_it() {
    let mut net = Net::new();
    net.outer(DELIVER);
    let client = net.anonymous().build().unwrap();
    let ticket = net.ticket();
    let value = serde_json::json!({ "guests": [{ "lastName": "O'Brien" }] });
    let receipt = client.send(&ticket, Content::json(&value).unwrap()).await.unwrap();
    assert_eq!((receipt.kind().as_str(), receipt.sender()), ("guest-list", None));
    net.office.look(&ticket, |stored| assert_eq!(stored.content, value.to_string().into_bytes()));
}

#[tokio::test]
async fn an_empty_content_is_a_content() {
    let mut net = Net::new();
    net.outer(DELIVER);
    let receipt = net.client().send(&net.ticket(), Vec::new()).await.unwrap();
    assert_eq!(receipt.length(), 0);
}

#[tokio::test]
async fn many_contents_share_one_connection() {
    let mut net = Net::new();
    let outer = net.outer(DELIVER);
    let client = net.client();
    let sendings = (0..40).map(|index| {
        let (client, ticket) = (client.clone(), net.ticket());
        tokio::spawn(async move { client.send(&ticket, sample(2000 + index)).await })
    });
    for sending in sendings.collect::<Vec<_>>() {
        sending.await.unwrap().unwrap();
    }
    assert_eq!((outer.connections(), outer.streams(), net.office.complete()), (1, 40, 40));
}

#[tokio::test]
async fn an_interrupted_content_continues_where_it_was_cut() {
    let bytes = sample(12 * SEGMENT_DATA);
    let contents: [fn(Vec<u8>) -> Content; 2] = [Content::from, |bytes| Content::reader(std::io::Cursor::new(bytes))];
    for content in contents {
        let mut net = Net::new();
        let cut = |stream| if stream == 0 { Act::CutAfter(5) } else { Act::Deliver };
        net.outer(cut);
        net.outer(cut);
        let ticket = net.ticket();
        let seen: Arc<Mutex<Vec<Progress>>> = Arc::default();
        let sink = seen.clone();
        let progress = move |progress| sink.lock().unwrap().push(progress);
        net.client().send(&ticket, content(bytes.clone())).on_progress(progress).await.unwrap();
        net.office.look(&ticket, |stored| {
            assert_eq!(stored.content, bytes);
            // Padmé puts one segment of padding behind these twelve; none of them came twice.
            assert_eq!(stored.received, 13);
        });
        let seen = seen.lock().unwrap();
        assert!(seen.is_sorted_by_key(|progress| progress.stored), "{seen:?}");
        assert_eq!(seen.last().unwrap().stored, bytes.len() as u64);
    }
}

#[tokio::test]
async fn a_route_that_refuses_is_left_for_another() {
    for refusal in [StreamRefusal::Refused, StreamRefusal::Unavailable] {
        let mut net = Net::new();
        let outer = net.outer(move |stream| if stream == 0 { Act::Reset(refusal) } else { Act::Deliver });
        net.client().send(&net.ticket(), sample(10)).await.unwrap();
        assert_eq!(outer.streams(), 2);
    }
}

#[tokio::test]
async fn an_outer_proxy_that_refuses_everything_is_not_believed_alone() {
    let mut net = Net::new();
    net.outer(|_| Act::Reset(StreamRefusal::Refused));
    net.outer(DELIVER);
    // Clients begin with different proxies; several begin with the lying one.
    for _ in 0..6 {
        net.client().send(&net.ticket(), sample(10)).await.unwrap();
    }
}

#[tokio::test]
async fn a_superseded_attempt_is_begun_anew_once_with_a_higher_number() {
    let ahead = 1 << 60;
    let mut net = Net::new();
    net.outer(move |_| Act::Supersede(ahead));
    let (client, ticket) = (net.client(), net.ticket());
    client.send(&ticket, sample(200_000)).await.unwrap();
    assert_eq!(net.office.attempts()[&ticket.body().id.to_string()], ahead + 1);
}

/// Its stream is reset for a newer attempt of another holder, which waits for the writes of this one: what it has sent may
/// just become complete.
#[tokio::test]
async fn who_gives_way_to_a_newer_attempt_asks_until_its_case_is_decided() {
    let mut net = Net::new();
    let outer = net.outer(|stream| match stream {
        0 => Act::Supersede(1 << 60),
        1 => Act::CutAfter(1),
        2..5 => Act::Refuse(Reason::TryLater),
        _ => Act::Deliver,
    });
    let ticket = net.ticket();
    net.client().send(&ticket, sample(10)).await.unwrap();
    assert_eq!(outer.streams(), 6);
    assert_eq!(net.office.attempts()[&ticket.body().id.to_string()], (1 << 60) + 1, "identical bytes all the time");
    net.office.look(&ticket, |stored| assert_eq!(stored.received, 1));
}

#[tokio::test]
async fn an_office_that_cannot_store_is_asked_again() {
    let mut net = Net::new();
    let outer = net.outer(|stream| if stream < 3 { Act::Refuse(Reason::TryLater) } else { Act::Deliver });
    net.client().send(&net.ticket(), sample(10)).await.unwrap();
    assert_eq!(outer.streams(), 4);
}

#[tokio::test]
async fn an_outer_proxy_that_does_not_answer_costs_a_moment_only() {
    let mut net = Net::new();
    // A bound socket that nobody reads: packets vanish.
    let silent = tokio::net::UdpSocket::bind("127.0.0.1:0").await.unwrap();
    net.list_outer("outer-0", silent.local_addr().unwrap(), [9; 32]);
    net.outer(DELIVER);
    // Clients begin with different proxies; several begin with the silent one.
    for _ in 0..6 {
        let begun = Instant::now();
        net.client().send(&net.ticket(), sample(10)).await.unwrap();
        assert!(begun.elapsed() < AT_ONCE, "{:?}", begun.elapsed());
    }
}

#[tokio::test]
async fn a_proxy_that_dies_silently_is_left_at_once() {
    let mut net = Net::new();
    let first = net.outer(DELIVER);
    let wire = Wire::to(first.address()).await;
    net.readdress(0, wire.address());
    let client = net.client();
    client.send(&net.ticket(), sample(10)).await.unwrap();
    assert_eq!(first.streams(), 1);
    let second = net.outer(DELIVER);
    client.replace_directory(net.directory());
    wire.cut();
    let begun = Instant::now();
    client.send(&net.ticket(), sample(10)).await.unwrap();
    assert!(begun.elapsed() < AT_ONCE, "{:?}", begun.elapsed());
    assert_eq!((first.streams(), second.streams()), (1, 1));
}

/// The content can be read only once, and what the office has stored is gone: an answer from before that must not end it.
#[tokio::test]
async fn an_answer_from_earlier_is_no_answer() {
    let mut net = Net::new();
    net.outer(|stream| match stream {
        0 => Act::CutAfter(20),
        1 => Act::Stale,
        _ => Act::Deliver,
    });
    let (ticket, bytes) = (net.ticket(), sample(40 * SEGMENT_DATA));
    let content = Content::reader(std::io::Cursor::new(bytes.clone()));
    net.client().send(&ticket, content).await.unwrap();
    net.office.look(&ticket, |stored| {
        assert_eq!(stored.content, bytes);
        assert_eq!(stored.received as usize, 41, "nothing that was stored came again");
    });
}
