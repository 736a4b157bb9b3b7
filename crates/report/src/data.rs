//! The numbers behind the page, as JSON inside it.

use serde::Serialize;

use crate::run::Run;

/// Id of the page's `script` element of type `application/json`.
pub const DATA_ID: &str = "flexmac-data";

#[derive(Serialize)]
struct Data<'a> {
    flexmac: &'static str,
    runs: &'a [Run],
}

/// The JSON text, safe inside a `script` element: no text in it can end the element or begin a
/// comment, as every `<` is written as its escape.
pub(crate) fn data(runs: &[Run]) -> String {
    let data = Data { flexmac: env!("CARGO_PKG_VERSION"), runs };
    let text = serde_json::to_string(&data).expect("keys are strings and numbers finite");
    text.replace('<', "\\u003c")
}
