//! Values of every kind as they are shown, and what of them is masked.

use std::io::Write as _;

use proptest::prelude::*;
use serde_json::json;

use super::*;

fn shown(bytes: &[u8], is_cut: bool, unmask: &[&str]) -> (Shown, Vec<String>) {
    let unmask: Vec<String> = unmask.iter().map(|path| (*path).to_owned()).collect();
    let mut masking = Masking::new(&unmask);
    let shown = show(bytes, is_cut, WHOLE, false, &mut masking);
    (shown, masking.masked)
}

fn zlib(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn each_kind_is_told_by_its_bytes() {
    let text = r#"{"id":7}"#.as_bytes();
    for (bytes, format, value) in [
        (text.to_vec(), "json", json!({"id": 7})),
        (b"42".to_vec(), "json", json!(42)),
        (b"\x81\xa2id\x07".to_vec(), "msgpack", json!({"id": 7})),
        (b"\x80\x04\x95\x05\0\0\0\0\0\0\0\x8c\x01a\x94.".to_vec(), "pickle", json!("pickle, 16 bytes")),
        (zlib(text), "zlib+json", json!({"id": 7})),
        (gzip(b"just text"), "gzip+text", json!("just text")),
        (zstd::encode_all(text, 1).unwrap(), "zstd+json", json!({"id": 7})),
        (zlib(b"\x80\x04\x95."), "zlib+pickle", json!("pickle, 4 bytes")),
        ("olá".as_bytes().to_vec(), "text", json!("olá")),
        (vec![0, 255, 1], "hex", json!("00ff01")),
        (Vec::new(), "empty", json!("")),
        (b"\x78\x9cno zlib".to_vec(), "hex", json!("789c6e6f207a6c6962")),
    ] {
        let (shown, masked) = shown(&bytes, false, &[]);
        assert_eq!((shown.format.as_str(), &shown.value), (format, &value), "{bytes:?}");
        assert!(!shown.is_cut, "{bytes:?}");
        assert_eq!(masked.is_empty(), !format.contains("pickle"), "{bytes:?}");
    }
}

#[test]
fn secrets_are_masked_in_the_text_as_well_as_in_the_value() {
    let text = r#"{"email":"ana@example.org","theme":"dark"}"#.as_bytes();
    for bytes in [text.to_vec(), zlib(text), b"\x82\xa5email\xafana@example.org\xa5theme\xa4dark".to_vec()] {
        let (one, masked) = shown(&bytes, false, &[]);
        assert_eq!(masked, ["email"]);
        assert!(!one.raw.contains("example") && one.raw.contains("dark"), "{one:?}");
        let (one, masked) = shown(&bytes, false, &["email"]);
        assert!(masked.is_empty() && one.raw.contains("example"), "{one:?}");
    }
}

#[test]
fn a_pickle_is_named_and_its_bytes_are_shown_only_when_asked_for() {
    let bytes = b"\x80\x04\x95\x10\0\0\0\0\0\0\0}\x94\x8c\x05email\x94\x8c\x07a@b.org\x94s.";
    let (one, masked) = shown(bytes, false, &[]);
    assert_eq!((one.format.as_str(), masked), ("pickle", vec![RAW.to_owned()]));
    assert!(!format!("{one:?}").contains("b.org"));
    let (one, masked) = shown(bytes, false, &[RAW]);
    assert!(masked.is_empty() && one.raw.contains("b.org") && one.raw.starts_with("\\x80\\x04"), "{one:?}");
}

#[test]
fn text_of_unknown_shape_that_names_a_secret_is_masked_as_a_whole() {
    let php = br#"a:2:{s:8:"password";s:7:"hunter2";s:2:"id";i:7;}"#;
    let (one, masked) = shown(php, false, &[]);
    assert_eq!((one.value, masked), (json!("***"), vec![WHOLE.to_owned()]));
    let (one, _) = shown(php, false, &[WHOLE]);
    assert!(one.raw.contains("hunter2"));
    let (one, masked) = shown(b"\x00\x01password\x00hunter2", false, &[]);
    assert_eq!((one.value, masked), (json!("binary, 18 bytes"), vec![RAW.to_owned()]));
}

#[test]
fn a_cut_json_is_still_masked_by_its_names() {
    let (one, masked) = shown(br#"{"email":"ana@example.org","user":{"cpf":"1","name":"A"},"bio":"lo"#, true, &[]);
    assert_eq!(one.value, json!({"email": "***", "user": {"cpf": "***", "name": "A"}}));
    assert_eq!(masked.len(), 2);
    assert!(one.is_cut && !one.raw.contains("example"));
    let (one, _) = shown("olá".as_bytes().split_at(3).0, true, &[]);
    assert_eq!(one.value, "ol");
}

#[test]
fn a_bomb_is_unpacked_only_so_far() {
    for bytes in
        [zlib(&vec![b'a'; 50 << 20]), gzip(&vec![b'a'; 50 << 20]), zstd::encode_all(&vec![b'a'; 50 << 20][..], 1).unwrap()]
    {
        let (one, _) = shown(&bytes, false, &[]);
        assert!(one.format.ends_with("+text") && one.is_cut, "{}", one.format);
        assert!(one.raw.len() <= SHOWN_BYTES_MAX);
    }
}

proptest! {
    #[test]
    fn any_bytes_are_shown(bytes in proptest::collection::vec(any::<u8>(), 0..300), is_cut in any::<bool>()) {
        shown(&bytes, is_cut, &[]);
    }

    #[test]
    fn any_bytes_behind_a_sign_of_packing_are_shown(
        sign in proptest::sample::select(vec![&b"\x78\x9c"[..], b"\x1f\x8b\x08", b"\x28\xb5\x2f\xfd", b"\x80\x04"]),
        bytes in proptest::collection::vec(any::<u8>(), 0..100),
    ) {
        shown(&[sign, &bytes].concat(), false, &[]);
    }
}
