//! What a command works with: the screen, and the context of the use cases.

use std::sync::Arc;

use super::ui::Ui;
use crate::app::context::Context;
use crate::app::notice::Notices;

/// One run of the program.
#[derive(Clone)]
pub(crate) struct Session {
    /// The screen.
    pub(crate) ui: Arc<Ui>,
    /// What use cases take.
    pub(crate) context: Context,
}

impl Session {
    /// A context that shows its notices on that screen.
    pub(crate) fn new(ui: Arc<Ui>, context: impl FnOnce(Notices) -> Context) -> Self {
        let shown = Arc::clone(&ui);
        let context = context(Notices::to(move |notice| shown.tell(&notice)));
        Self { ui, context }
    }
}
