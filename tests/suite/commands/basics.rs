//! A command is sent, worked on, and its sender gets what came of it.

use super::*;

#[tokio::test]
async fn completion_notice() {
    for ground in Ground::both().await {
        let (app, works, seen, _) = working(&ground).await;
        let job = works.double(21).send().await.unwrap();
        assert!(job.is_new(), "{}", ground.name);
        let result = job.result().within(PATIENCE).await;
        assert_eq!(result.unwrap(), 42, "{}", ground.name);
        assert_eq!(seen.of("double"), [job.id()]);
        let ended = status(&client(&app), job.id()).await;
        assert_eq!((ended.state, ended.attempt), (JobState::Succeeded, 1));
        assert_eq!(ended.result, 42);
        assert!(ended.finished.is_some());
        app.stop().await.unwrap();
    }
}
