//! The files of the page, as they are in the source: modules of ECMAScript and a style sheet, without a build step.

use super::reply::typed;
use crate::server::Reply;

const SCRIPT: &str = "text/javascript; charset=utf-8";

macro_rules! files {
    ($($path:literal $kind:expr;)*) => {
        [$(($path, $kind, include_bytes!(concat!("assets/", $path)).as_slice())),*]
    };
}

/// Path, type and bytes.
const FILES: [(&str, &str, &[u8]); 14] = files! {
    "index.html" "text/html; charset=utf-8";
    "style.css" "text/css; charset=utf-8";
    "icon.svg" "image/svg+xml";
    "main.js" SCRIPT;
    "api.js" SCRIPT;
    "dom.js" SCRIPT;
    "live.js" SCRIPT;
    "list.js" SCRIPT;
    "detail.js" SCRIPT;
    "actions.js" SCRIPT;
    "dialogs.js" SCRIPT;
    "keys.js" SCRIPT;
    "charts.js" SCRIPT;
    "endpoints.js" SCRIPT;
};

/// The file at that path; `None`: there is none.
pub fn file(path: &str) -> Option<Reply> {
    let name = match path {
        "/" => "index.html",
        path => path.strip_prefix("/assets/")?,
    };
    let (_, kind, bytes) = FILES.iter().find(|(path, _, _)| *path == name)?;
    Some(typed(200, kind, *bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_is_small_and_loads_nothing_from_elsewhere() {
        let size: usize = FILES.iter().map(|(_, _, bytes)| bytes.len()).sum();
        assert!(size < 150_000, "{size} bytes");
        for (path, _, bytes) in FILES {
            let text = std::str::from_utf8(bytes).unwrap();
            let text = text.replace("http://www.w3.org/", "");
            assert!(!text.contains("http://") && !text.contains("https://"), "{path}");
            for unsafe_word in [
                "innerHTML",
                "outerHTML",
                "insertAdjacentHTML",
                "document.write",
                "eval(",
            ] {
                assert!(!text.contains(unsafe_word), "{path}: {unsafe_word}");
            }
        }
    }
}
