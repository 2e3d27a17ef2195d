//! Flags of `hook serve`.

use std::net::IpAddr;
use std::path::PathBuf;

use super::super::{complete, retry};

/// Play a provider: its management API on this machine, and signed deliveries of what happens there
#[derive(Debug, Clone, clap::Args)]
pub(in super::super) struct ServeArgs {
    /// The provider to play: `NAME` or `NAME@VARIANT`
    #[arg(short, long, value_name = "NAME", add = complete::providers(), help_heading = "Provider")]
    pub(super) provider: Option<String>,
    /// The account's plan; unless given that of the settings, else the provider's first
    #[arg(long, value_name = "PLAN", help_heading = "Provider")]
    pub(super) plan: Option<String>,
    /// Judge endpoints as strictly as the provider: no targets on this machine, https where it is advised
    #[arg(long, help_heading = "Provider")]
    pub(super) production: bool,

    /// Key that calls must carry, by reference: `env:VAR`, `file:PATH` (can be repeated); made up unless given
    #[arg(long = "key", value_name = "REF", add = complete::references(), help_heading = "Access")]
    pub(super) keys: Vec<String>,
    /// Key whose calls cause test events only, by reference (can be repeated)
    #[arg(long = "test-key", value_name = "REF", add = complete::references(), help_heading = "Access")]
    pub(super) test_keys: Vec<String>,
    /// Scope that the keys have (can be repeated); all unless given
    #[arg(long = "scope", value_name = "NAME", help_heading = "Access")]
    pub(super) scopes: Vec<String>,
    /// Answer without a key; web pages and foreign host names are refused
    #[arg(long, conflicts_with_all = ["keys", "test_keys", "scopes", "expose"], help_heading = "Access")]
    pub(super) no_auth: bool,

    /// Port to listen on; 0 for any that is free
    #[arg(long, value_name = "PORT", default_value_t = 4401, help_heading = "Address")]
    pub(super) port: u16,
    /// Address to listen on
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1", help_heading = "Address")]
    pub(super) bind: IpAddr,
    /// Allow an address that other machines can reach
    #[arg(long, help_heading = "Address")]
    pub(super) expose: bool,
    /// Write the URL to this file when ready
    #[arg(long, value_name = "FILE", help_heading = "Address")]
    pub(super) ready_file: Option<PathBuf>,

    /// Deliver to addresses of private networks too
    #[arg(long, help_heading = "Delivery")]
    pub(super) allow_private: bool,
    /// Divide the waits between attempts (never the time limits), as in `1000x`
    #[arg(long, value_name = "FACTOR", value_parser = retry::scale, default_value = "1", help_heading = "Delivery")]
    pub(super) time_scale: f64,
}
