//! Executions of workflows that sent nothing.

use crate::app::workflow::UnsentExecution;
use crate::view::JsonRecord;

impl JsonRecord for UnsentExecution {
    const SCHEMA: &'static str = "hook.execution/1";
}
