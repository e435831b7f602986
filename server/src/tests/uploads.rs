//! `POST /api/upload/image` and `GET /uploads/images/*` (facts §9).

use std::{
    io::{self, Cursor},
    path::{Path, PathBuf},
    sync::Arc,
};

use axum::{
    body::{Body, Bytes, to_bytes},
    http::Request,
    response::Response,
};
use futures_util::stream;
use image::{
    AnimationDecoder, Delay, DynamicImage, Frame, GenericImageView, ImageFormat, Rgba, RgbaImage,
    codecs::gif::{GifDecoder, GifEncoder, Repeat},
};
use serde_json::json;
use tower::ServiceExt;

use super::{ADDRESS, House, Reply, keys};
use crate::{
    compose,
    http::{door::Door, uploads::Uploads},
};

const BOUNDARY: &str = "a-boundary";

/// A multipart body with one file.
fn form(field: &str, name: &str, mime: &str, bytes: &[u8]) -> Vec<u8> {
    let mut body = format!(
        "--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"{field}\"; filename=\"{name}\"\r\nContent-Type: {mime}\r\n\r\n"
    )
    .into_bytes();
    body.extend_from_slice(bytes);
    body.extend_from_slice(format!("\r\n--{BOUNDARY}--\r\n").as_bytes());
    body
}

async fn post(house: &House, body: impl Into<Body>) -> Reply {
    let kind = format!("multipart/form-data; boundary={BOUNDARY}");
    let request = Request::post("/api/upload/image").header("host", ADDRESS).header("content-type", kind);
    house.send(request.body(body.into()).unwrap(), "127.0.0.1:5000").await
}

async fn upload(house: &House, mime: &str, bytes: &[u8]) -> Reply {
    post(house, form("image", "My Picture.PNG", mime, bytes)).await
}

/// A request whose answer is looked at as bytes.
async fn fetch(house: &House, method: &str, path: &str, headers: &[(&str, &str)]) -> (Response<()>, Bytes) {
    let mut request = Request::builder().method(method).uri(path).header("host", ADDRESS);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let mut request = request.body(Body::empty()).unwrap();
    let peer: std::net::SocketAddr = "127.0.0.1:5000".parse().unwrap();
    request.extensions_mut().insert(axum::extract::ConnectInfo(peer));
    let (parts, body) = house.router.clone().oneshot(request).await.unwrap().into_parts();
    (Response::from_parts(parts, ()), to_bytes(body, usize::MAX).await.unwrap())
}

fn folder(house: &House) -> PathBuf {
    house.state.uploads.dir().to_owned()
}

fn files(dir: &Path) -> Vec<String> {
    let Ok(entries) = std::fs::read_dir(dir) else { return Vec::new() };
    entries.map(|e| e.unwrap().file_name().into_string().unwrap()).collect()
}

fn picture(width: u32, height: u32) -> RgbaImage {
    RgbaImage::from_fn(width, height, |x, y| Rgba([(x * 7) as u8, (y * 5) as u8, (x ^ y) as u8, 255]))
}

fn written(format: ImageFormat) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    let image = DynamicImage::from(picture(40, 30));
    let image = if format == ImageFormat::Jpeg { image.into_rgb8().into() } else { image };
    image.write_to(&mut bytes, format).unwrap();
    bytes.into_inner()
}

fn moving(frames: usize, side: u32) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = GifEncoder::new_with_speed(&mut bytes, 30);
    encoder.set_repeat(Repeat::Infinite).unwrap();
    for n in 0..frames {
        let frame = RgbaImage::from_pixel(side, side, Rgba([n as u8, 0, 0, 255]));
        encoder.encode_frame(Frame::from_parts(frame, 0, 0, Delay::from_numer_denom_ms(50, 1))).unwrap();
    }
    drop(encoder);
    bytes
}

/// A PNG whose head promises this size, and whose pixels are a few bytes of zeros.
fn bomb(width: u32, height: u32) -> Vec<u8> {
    let mut png = written(ImageFormat::Png);
    png[16..20].copy_from_slice(&width.to_be_bytes());
    png[20..24].copy_from_slice(&height.to_be_bytes());
    let crc = crc32(&png[12..29]);
    png[29..33].copy_from_slice(&crc.to_be_bytes());
    png
}

fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0_u32, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| (crc >> 1) ^ (0xedb8_8320 & (crc & 1).wrapping_neg()))
    })
}

#[tokio::test]
async fn each_kind_is_kept_and_served() {
    let house = House::new();
    let kinds = [
        (ImageFormat::Png, "png", "image/png"),
        (ImageFormat::Jpeg, "jpg", "image/jpeg"),
        (ImageFormat::Gif, "gif", "image/gif"),
        (ImageFormat::WebP, "webp", "image/webp"),
    ];
    for (format, extension, mime) in kinds {
        // What it says of itself does not matter, and its name neither.
        let answer = upload(&house, "image/png", &written(format)).await.ok(200);
        assert_eq!(keys(&answer), ["filename", "size", "type", "url"]);
        let name = answer["filename"].as_str().unwrap();
        assert_eq!(answer["url"], format!("/uploads/images/{name}"));
        assert_eq!(answer["type"], mime);
        let (stem, end) = name.split_once('.').unwrap();
        assert_eq!((stem.len(), end), (32, extension), "{name}");
        assert!(stem.bytes().all(|b| b.is_ascii_hexdigit()), "{name}");

        let path = answer["url"].as_str().unwrap();
        let (reply, bytes) = fetch(&house, "GET", path, &[("accept-encoding", "br, gzip")]).await;
        let header =
            |name: &str| reply.headers().get(name).and_then(|v| v.to_str().ok()).unwrap_or_default().to_owned();
        assert_eq!((reply.status().as_u16(), bytes.len()), (200, answer["size"].as_u64().unwrap() as usize));
        assert_eq!(header("content-type"), mime);
        assert_eq!(header("content-length"), bytes.len().to_string());
        assert_eq!(header("cache-control"), "public, max-age=31536000, immutable");
        assert_eq!(header("x-content-type-options"), "nosniff");
        assert_eq!(header("content-security-policy"), "sandbox");
        assert_eq!(header("content-encoding"), "", "a picture is compressed already");
        assert_eq!(image::guess_format(&bytes).unwrap(), format);
        assert_eq!(image::load_from_memory(&bytes).unwrap().dimensions(), (40, 30));

        let (head, nothing) = fetch(&house, "HEAD", path, &[]).await;
        assert_eq!((head.status().as_u16(), nothing.len()), (200, 0));
        assert_eq!(head.headers()["content-length"], bytes.len().to_string().as_str());
        let tag = header("etag");
        assert!(tag.len() > 3 && tag.starts_with('"'), "{tag}");
        for known in [tag.clone(), format!("\"other\", W/{tag}"), "*".into()] {
            let (same, nothing) = fetch(&house, "GET", path, &[("if-none-match", &known)]).await;
            assert_eq!((same.status().as_u16(), nothing.len()), (304, 0), "{known}");
            assert_eq!(same.headers()["etag"], tag.as_str());
        }
        assert_eq!(fetch(&house, "GET", path, &[("if-none-match", "\"other\"")]).await.0.status(), 200);
    }
    assert_eq!(files(&folder(&house)).len(), kinds.len());
    house.delete("/uploads/images/x.png").await.fails_with(405, "method_not_allowed");
    house.get("/api/upload/image").await.fails_with(405, "method_not_allowed");
}

#[tokio::test]
async fn what_is_kept_is_what_a_decoder_saw() {
    let house = House::new();
    // Words behind the picture, and a comment within it.
    let mut jpeg = written(ImageFormat::Jpeg);
    let comment = b"\xff\xfe\x00\x13where I live: here";
    jpeg.splice(2..2, comment.iter().copied());
    jpeg.extend_from_slice(b"<script>alert(1)</script>");
    let answer = upload(&house, "image/jpeg", &jpeg).await.ok(200);
    let (_, bytes) = fetch(&house, "GET", answer["url"].as_str().unwrap(), &[]).await;
    for secret in [&b"where I live"[..], b"<script>"] {
        assert!(jpeg.windows(secret.len()).any(|w| w == secret));
        assert!(!bytes.windows(secret.len()).any(|w| w == secret));
    }
    let far = image::load_from_memory(&bytes).unwrap().to_rgb8();
    let near = image::load_from_memory(&jpeg).unwrap().to_rgb8();
    let worst = far.iter().zip(near.iter()).map(|(a, b)| a.abs_diff(*b)).max().unwrap();
    assert!(worst < 60, "it looks the same: {worst}");
}

#[tokio::test]
async fn a_camera_that_was_turned() {
    let house = House::new();
    // Exif: one entry, orientation 6, the right side is up.
    let mut exif =
        b"\xff\xe1\x00\x22Exif\0\0MM\0\x2a\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0".to_vec();
    let length = (exif.len() - 2) as u16;
    exif[2..4].copy_from_slice(&length.to_be_bytes());
    let mut jpeg = written(ImageFormat::Jpeg);
    jpeg.splice(2..2, exif);
    let answer = upload(&house, "image/jpeg", &jpeg).await.ok(200);
    let (_, bytes) = fetch(&house, "GET", answer["url"].as_str().unwrap(), &[]).await;
    assert_eq!(image::load_from_memory(&bytes).unwrap().dimensions(), (30, 40));
}

#[tokio::test]
async fn a_short_animation_stays_one_and_a_long_one_stops() {
    let house = House::new();
    let frames = |bytes: &[u8]| GifDecoder::new(Cursor::new(bytes)).unwrap().into_frames().collect_frames().unwrap();
    let answer = upload(&house, "image/gif", &moving(5, 16)).await.ok(200);
    assert_eq!(keys(&answer), ["filename", "size", "type", "url"]);
    let (_, bytes) = fetch(&house, "GET", answer["url"].as_str().unwrap(), &[]).await;
    let kept = frames(&bytes);
    assert_eq!(kept.len(), 5);
    assert_eq!(kept[1].delay().numer_denom_ms(), (50, 1));
    for long in [moving(201, 4), moving(45, 1000)] {
        let answer = upload(&house, "image/gif", &long).await.ok(200);
        assert!(answer["note"].as_str().unwrap().contains("only its first picture"), "{answer}");
        let (_, bytes) = fetch(&house, "GET", answer["url"].as_str().unwrap(), &[]).await;
        assert_eq!(frames(&bytes).len(), 1);
    }
}

#[tokio::test]
async fn what_is_no_picture_is_refused_in_words() {
    let house = House::new();
    let types = "Invalid file type. Allowed types: image/jpeg, image/jpg, image/png, image/gif, image/webp";
    let png = written(ImageFormat::Png);
    upload(&house, "image/png", b"<svg onload=alert(1)>").await.fails(400, "file_type", types);
    upload(&house, "image/png", b"<html><script>alert(1)</script>").await.fails(400, "file_type", types);
    upload(&house, "image/png", b"BM\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0").await.fails(400, "file_type", types);
    upload(&house, "image/png", b"").await.fails(400, "file_type", types);
    upload(&house, "image/svg+xml", &png).await.fails(400, "file_type", types);
    upload(&house, "text/html", &png).await.fails(400, "file_type", types);
    let none = "No image file provided";
    post(&house, form("file", "a.png", "image/png", &png)).await.fails(400, "file_missing", none);
    let text = format!("--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"image\"\r\n\r\nx\r\n--{BOUNDARY}--\r\n");
    post(&house, text).await.fails(400, "file_missing", none);
    house.post("/api/upload/image", json!({})).await.fails(400, "file_missing", none);
    for (name, damaged) in [
        ("cut", &png[..png.len() / 2]),
        ("head only", &png[..12]),
        ("cut jpeg", &written(ImageFormat::Jpeg)[..40]),
        ("cut webp", &written(ImageFormat::WebP)[..40]),
        ("cut gif", &written(ImageFormat::Gif)[..16]),
    ] {
        let reply = upload(&house, "image/png", damaged).await;
        assert_eq!((reply.status.as_u16(), reply.json()["code"].as_str()), (400, Some("picture_unreadable")), "{name}");
    }
    assert!(files(&folder(&house)).is_empty());
}

#[tokio::test]
async fn bombs_are_refused_before_they_go_off() {
    let house = House::new();
    for (width, height) in [(60_000, 60_000), (5_001, 5_000), (16_385, 2), (2, 16_385), (u32::MAX >> 1, 1)] {
        let reply = upload(&house, "image/png", &bomb(width, height)).await;
        reply.fails_with(413, "picture_too_large");
        assert!(reply.json()["error"].as_str().unwrap().contains("25 million"), "{}", reply.text);
    }
    let mut gif = moving(2, 4);
    gif[6..10].copy_from_slice(&[0xff; 4]);
    upload(&house, "image/gif", &gif).await.fails_with(413, "picture_too_large");
    assert!(files(&folder(&house)).is_empty());
}

#[tokio::test]
async fn more_than_ten_megabytes_is_refused_while_it_comes() {
    let house = House::new();
    let sentence = "File too large. Maximum size: 10MB";
    let mut large = written(ImageFormat::Png);
    large.resize(10 * 1024 * 1024 + 1, 0);
    upload(&house, "image/png", &large).await.fails(400, "file_too_large", sentence);
    large.resize(45 * 1024 * 1024, 0);
    upload(&house, "image/png", &large).await.fails(400, "file_too_large", sentence);
    assert!(files(&folder(&house)).is_empty());
    // Ten megabytes exactly are not too much; the zeros behind the picture do not matter.
    large.truncate(10 * 1024 * 1024);
    let answer = upload(&house, "image/png", &large).await.ok(200);
    assert!(answer["size"].as_u64().unwrap() < 10_000, "{answer}");
}

#[tokio::test]
async fn an_upload_that_is_cut_leaves_nothing() {
    let house = House::new();
    let whole = form("image", "a.png", "image/png", &written(ImageFormat::Png));
    for at in [0, 10, 60, 140, 300, whole.len() - 20, whole.len() - 6] {
        let reply = post(&house, whole[..at].to_vec()).await;
        reply.is_error();
        assert_eq!(reply.status, 400, "cut at {at}: {}", reply.text);
        // The same where the connection breaks instead of ending.
        let broken = Err(io::Error::from(io::ErrorKind::ConnectionReset));
        let parts = stream::iter([Ok(Bytes::copy_from_slice(&whole[..at])), broken]);
        let reply = post(&house, Body::from_stream(parts)).await;
        reply.is_error();
        assert_eq!(reply.status, 400, "broken at {at}: {}", reply.text);
    }
    assert!(files(&folder(&house)).is_empty());
    post(&house, whole).await.ok(200);
    assert_eq!(files(&folder(&house)).len(), 1);
}

#[tokio::test]
async fn only_files_of_the_folder_are_served() {
    let house = House::new();
    let answer = upload(&house, "image/png", &written(ImageFormat::Png)).await.ok(200);
    let name = answer["filename"].as_str().unwrap();
    let dir = folder(&house);
    let outside = dir.join("../../outside.png");
    std::fs::write(&outside, b"secret").unwrap();
    std::os::unix::fs::symlink(&outside, dir.join("link.png")).unwrap();
    std::os::unix::fs::symlink(dir.join(name), dir.join("near.png")).unwrap();
    std::fs::create_dir(dir.join("folder.png")).unwrap();
    std::fs::write(dir.join("folder.png/a.png"), b"x").unwrap();
    std::fs::write(dir.join(".hidden.png"), b"x").unwrap();
    std::fs::write(dir.join("page.html"), b"<script>alert(1)</script>").unwrap();
    for path in [
        "none.png",
        "../outside.png",
        "../../outside.png",
        "..%2foutside.png",
        "%2e%2e/%2e%2e/outside.png",
        "..%2f..%2foutside.png",
        "%2e%2e%2f%2e%2e%2foutside.png",
        "%252e%252e%252foutside.png",
        "..%5coutside.png",
        "link.png",
        "near.png",
        "folder.png",
        "folder.png/a.png",
        ".hidden.png",
        "%2ehidden.png",
        "~root",
        "a%00.png",
        "%ff.png",
        ".",
        "..",
        "%2fetc%2fpasswd",
        "/etc/passwd",
    ] {
        let (reply, body) = fetch(&house, "GET", &format!("/uploads/images/{path}"), &[]).await;
        assert_eq!((reply.status().as_u16(), &body[..]), (404, &b"Not found"[..]), "{path}");
        assert!(reply.headers()["content-type"].to_str().unwrap().starts_with("text/plain"), "{path}");
    }
    // What somebody put there by hand is never a page.
    let (page, _) = fetch(&house, "GET", "/uploads/images/page.html", &[]).await;
    assert_eq!(page.headers()["content-type"], "application/octet-stream");
    assert_eq!(page.headers()["content-disposition"], "attachment");
    assert_eq!(page.headers()["content-security-policy"], "sandbox");
}

/// The house again, with another folder or quota.
fn again(house: &House, quota_mb: u64) -> House {
    let fresh = House::new();
    let mut state = fresh.state.clone();
    state.uploads = Arc::new(Uploads::open(house._dir.path().join("uploads/images"), quota_mb));
    House { router: compose::router(state.clone(), Door::new(ADDRESS.parse().unwrap())), state, ..fresh }
}

#[tokio::test]
async fn a_full_folder_says_so_and_what_was_begun_is_swept() {
    let house = House::new();
    let png = written(ImageFormat::Png);
    let answer = upload(&house, "image/png", &png).await.ok(200);
    let dir = folder(&house);
    std::fs::write(dir.join(format!("{}.part", "0a".repeat(16))), b"half").unwrap();
    std::fs::write(dir.join("large.png"), vec![0; 1024 * 1024]).unwrap();
    // CLUTCH_UPLOAD_DIR may be a folder in which others work too.
    std::fs::write(dir.join("film.mkv.part"), b"not ours").unwrap();

    let full = again(&house, 1);
    assert_eq!(files(&dir).len(), 3, "what a killed program had begun is gone, and nothing else");
    std::fs::remove_file(dir.join("film.mkv.part")).unwrap();
    let reply = upload(&full, "image/png", &png).await;
    assert_eq!((reply.status.as_u16(), reply.json()["code"].as_str()), (507, Some("uploads_full")), "{}", reply.text);
    let sentence = reply.json()["error"].as_str().unwrap().to_owned();
    assert!(sentence.contains("CLUTCH_UPLOAD_QUOTA_MB") && sentence.contains("1 MB"), "{sentence}");
    assert_eq!(files(&dir).len(), 2, "nothing half written is left");
    // What is there is still served, and room can be made by hand.
    assert_eq!(fetch(&full, "GET", answer["url"].as_str().unwrap(), &[]).await.0.status(), 200);
    std::fs::remove_file(dir.join("large.png")).unwrap();
    upload(&full, "image/png", &png).await.ok(200);
    let none = again(&house, 0);
    assert_eq!(upload(&none, "image/png", &png).await.status, 507);
}

#[tokio::test]
async fn a_folder_that_cannot_be_written_is_our_fault_and_opaque() {
    let house = House::new();
    std::fs::write(house._dir.path().join("uploads"), b"a file in the way").unwrap();
    let reply = upload(&house, "image/png", &written(ImageFormat::Png)).await;
    assert_eq!(reply.status, 500);
    assert_eq!(reply.json(), json!({ "error": "Failed to upload image", "code": "internal" }));
}

#[tokio::test]
async fn many_at_once_are_all_kept() {
    let house = House::new();
    let png = written(ImageFormat::Png);
    let all = futures_util::future::join_all((0..12).map(|_| upload(&house, "image/png", &png))).await;
    let mut names: Vec<String> =
        all.into_iter().map(|reply| reply.ok(200)["filename"].as_str().unwrap().to_owned()).collect();
    names.sort();
    names.dedup();
    assert_eq!((names.len(), files(&folder(&house)).len()), (12, 12));
}

#[tokio::test]
async fn the_door_is_closed_here_too() {
    let house = House::new();
    let body = form("image", "a.png", "image/png", &written(ImageFormat::Png));
    let kind = format!("multipart/form-data; boundary={BOUNDARY}");
    for (name, value) in [("origin", "http://evil.example"), ("sec-fetch-site", "cross-site"), ("x-forwarded-for", "1")]
    {
        let request = Request::post("/api/upload/image").header("host", ADDRESS).header("content-type", &kind);
        let request = request.header(name, value).body(Body::from(body.clone())).unwrap();
        assert_eq!(house.send(request, "127.0.0.1:5000").await.status, 403, "{name}");
    }
    let request = Request::post("/api/upload/image").header("host", "evil.example").header("content-type", &kind);
    assert_eq!(house.send(request.body(Body::from(body)).unwrap(), "127.0.0.1:5000").await.status, 403);
    assert!(files(&folder(&house)).is_empty());
    let answer = upload(&house, "image/png", &written(ImageFormat::Png)).await.ok(200);
    let path = answer["url"].as_str().unwrap();
    assert_eq!(fetch(&house, "GET", path, &[("sec-fetch-site", "cross-site")]).await.0.status(), 403);
    assert_eq!(fetch(&house, "GET", path, &[("sec-fetch-site", "same-origin")]).await.0.status(), 200);
}
