use super::World;
use crate::{Client, Direction, Fault, Script};

#[tokio::test]
async fn hosts_share_a_port_and_differ_in_address() {
    let world = World::new()
        .zone("there.example. MX 10 a.there.example.\nthere.example. MX 20 b.there.example.")
        .exchanger("a.there.example", Script::polite())
        .exchanger("b.there.example", Script::old())
        .exchanger_at("c.there.example", "::1".parse().unwrap(), Script::polite())
        .refuses("d.there.example")
        .start()
        .await
        .unwrap();
    let (a, b) = (world.exchanger("a.there.example").unwrap(), world.exchanger("b.there.example").unwrap());
    assert_ne!(a.address().ip(), b.address().ip());
    for name in ["a.there.example", "b.there.example", "c.there.example"] {
        assert_eq!(world.exchanger(name).unwrap().address().port(), world.smtp_port());
        Client::connect(world.exchanger(name).unwrap().address()).await.unwrap();
    }
    assert!(world.exchanger("d.there.example").is_err());
}

#[tokio::test]
async fn a_faulty_line_cuts_where_it_was_told() {
    let fault = Fault::cut(Direction::ToClient, 10);
    let plan = World::new().faulty("a.there.example", Script::polite().greeting("220 0123456789"), fault);
    let world = plan.start().await.unwrap();
    let address = (world.address_of("a.there.example").unwrap(), world.smtp_port()).into();
    let mut client = Client::dial(address).await.unwrap();
    assert_eq!(client.closed().await.unwrap(), b"220 012345");
}
