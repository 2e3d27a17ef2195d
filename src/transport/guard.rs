//! placeholder
/// target
pub fn target(_t: &str) -> Result<url::Url, String> {
    Err(String::new())
}
