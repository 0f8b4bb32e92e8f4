//! `first`, `ready` and `reply`, and why they cannot be used, by the message that the author reads.

use super::{messages, resolved};
use insta::assert_snapshot;

/// A series of a server of one's own with these settings.
fn of(settings: &str) -> String {
    format!(
        "clients = [1]\n[server]\nurl = \"http://127.0.0.1:9\"\n[[series]]\n\
         transport = \"websocket\"\n{settings}\n"
    )
}

fn refused(settings: &str) -> String {
    messages(&of(settings))
}

#[test]
fn good_ones_are_in_the_plan_and_others_are_not() {
    let plan = |settings: &str| {
        let plan = resolved(&of(settings), &[]).expect("it is good").plan;
        serde_json::to_string(&plan.series[0].settings).expect("a plan is JSON")
    };
    assert!(!plan("").contains("conversation"));
    let text = plan(
        "first = [{ wait = \"0*\" }, \"40\", { hex = \"c0 00\" }]\n\
         ready = { pointer = \"/a\", value = 1 }\nreply = { \"2\" = \"3\" }",
    );
    // As it was written.
    let wanted = "\"conversation\":{\"replies\":[{\"to\":{\"exact\":{\"text\":\"2\"}},\
                  \"with\":{\"text\":\"3\"}}],\
                  \"steps\":[{\"wait\":{\"beginning\":{\"text\":\"0\"}}},\
                  {\"send\":{\"text\":\"40\"}},{\"send\":{\"hex\":\"c0 00\"}},\
                  {\"wait\":{\"json\":{\"pointer\":\"/a\",\"value\":1}}}]}";
    assert!(text.contains(wanted), "{text}");
}

#[test]
fn wrong_messages_and_answers() {
    for (settings, column, message) in [
        ("first = \"40\"", 9, "first must be a list such as [\"hello\"], not text"),
        ("first = [\"a\", { hex = \"4\" }]", 15, "first: \"4\" is not hex: two digits from 0 to f"),
        ("first = [\"{token}\"]", 9, "first: {token} is not known; set `data` to a file"),
        ("first = [\"\"]", 10, "first: a message must not be empty"),
        ("first = [{ wait = \"*\" }]", 19, "wait: an answer must not be empty"),
        (
            "ready = { pointer = \"type\" }",
            21,
            "ready: \"type\" is no JSON pointer: it begins with",
        ),
        (
            "ready = { pointer = \"/a\", valu = 1 }",
            27,
            "ready: \"valu\" is not known beside pointer",
        ),
        ("ready = 7", 9, "ready: an answer is text, { hex"),
        ("reply = [{ to = \"2\" }]", 10, "reply: write { to = \"ping\", with = \"pong\" }"),
        ("reply = { \"2\" = 3 }", 17, "reply: a message is text in quotes"),
        (
            "first = [\"40\"]\nengine = \"tungstenite\"",
            9,
            "the engine \"tungstenite\" has no first; take engine = \"raw\"",
        ),
    ] {
        let text = refused(settings);
        assert!(text.starts_with(&format!("error: {message}")), "{text}");
        assert!(text.contains(&format!("--> scenarios/x.toml:6:{column}\n")), "{text}");
    }
}

#[test]
fn the_bundled_server_and_other_transports_refuse_them() {
    let bundled = of("ready = \"40*\"").replace("[server]\nurl = \"http://127.0.0.1:9\"\n", "");
    assert_snapshot!(messages(&bundled), @r#"
    error: ready is for a server of your own: the bundled one has no such messages
     --> scenarios/x.toml:4:9
      |
    4 | ready = "40*"
      |         ^^^^^

    1 error in scenarios/x.toml
    "#);
    let polling = of("first = [\"40\"]").replace("\"websocket\"", "\"polling\"");
    assert_snapshot!(messages(&polling), @r#"
    error: first is a setting of "websocket", not of the transport "polling"
     --> scenarios/x.toml:6:9
      |
    6 | first = ["40"]
      |         ^^^^^^

    1 error in scenarios/x.toml
    "#);
}
