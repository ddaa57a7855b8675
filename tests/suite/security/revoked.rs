//! A login that was good, and is no more.

use std::time::Duration;

use aegis::ConnectionState;
use aegis::prelude::*;
use aegis_tests::{eventually, soon};

use super::{Till, TillClient, config, server};

fn with_password(password: &str) -> String {
    format!("authorization {{ user: joe, password: {password} }}")
}

#[tokio::test]
async fn a_login_that_is_refused_later_is_tried_until_it_is_taken_again() {
    let first = server(&with_password("old")).start().await.unwrap();
    let port = first.port();
    let joe = config(&first).user_and_password("joe", "old");
    let running = App::new(joe.clone()).service(Till).start().await.unwrap();
    let client = Client::connect(joe).await.unwrap();
    let till = TillClient::new(&client);
    assert_eq!(till.ring(1).await.unwrap(), 2);
    let mut connection = client.connection();
    drop(first);
    let gone = connection.wait_for(|state| *state == ConnectionState::Disconnected);
    soon("the loss", gone).await.unwrap();
    let second = server(&with_password("new"))
        .port(port)
        .start()
        .await
        .unwrap();
    let call = till.ring(1).within(Duration::from_millis(300));
    let error = soon("the call's end", call.into_future())
        .await
        .unwrap_err();
    assert_eq!(error.kind(), Some(ErrorKind::Disconnected));
    drop(second);
    let _third = server(&with_password("old"))
        .port(port)
        .start()
        .await
        .unwrap();
    let again = connection.wait_for(|state| *state == ConnectionState::Connected);
    soon("the connection", again).await.unwrap();
    eventually("the service is back", || async {
        till.ring(1).await.is_ok()
    })
    .await;
    soon("the end", running.stop()).await.unwrap();
}
