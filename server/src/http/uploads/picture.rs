//! An uploaded picture is looked at, decoded within limits and written anew: what is kept is what a
//! decoder saw and nothing else (no metadata, no appended files, no second meaning).

use std::io::Cursor;

use image::{
    AnimationDecoder, DynamicImage, ImageDecoder, ImageError, ImageFormat, Limits,
    codecs::{
        gif::{GifDecoder, GifEncoder, Repeat},
        jpeg::{JpegDecoder, JpegEncoder},
        png::{CompressionType, FilterType, PngDecoder, PngEncoder},
        webp::{WebPDecoder, WebPEncoder},
    },
    metadata::Orientation,
};

/// Most pixels of a picture. A photo of a good phone has 12 million.
pub const PIXELS_MAX: u64 = 25_000_000;
/// Longest side, in pixels.
pub const SIDE_MAX: u32 = 16_384;
/// Most pictures of an animation that is kept moving.
pub const FRAMES_MAX: usize = 200;
/// Most pixels of all pictures of an animation together.
pub const ANIMATION_PIXELS_MAX: u64 = 40_000_000;
/// Most memory that a decoder may ask for besides its result, in bytes.
const DECODER_BYTES_MAX: u64 = 256 * 1024 * 1024;
/// JPEG's quality, of 100: as good as the eye can tell.
const QUALITY: u8 = 88;
/// How carefully GIF colours are chosen, from 1 (slow) to 30.
const GIF_SPEED: i32 = 10;
/// A lossless WebP that grows beyond this was a photo and is kept as JPEG, in bytes.
const WEBP_MAX: usize = 4 * 1024 * 1024;

/// What a file is, by its content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// PNG.
    Png,
    /// JPEG.
    Jpeg,
    /// GIF.
    Gif,
    /// WebP.
    Webp,
}

impl Kind {
    /// By the first bytes.
    pub fn of(bytes: &[u8]) -> Option<Self> {
        match image::guess_format(bytes).ok()? {
            ImageFormat::Png => Some(Self::Png),
            ImageFormat::Jpeg => Some(Self::Jpeg),
            ImageFormat::Gif => Some(Self::Gif),
            ImageFormat::WebP => Some(Self::Webp),
            _ => None,
        }
    }

    /// By a file's extension.
    pub fn by_extension(extension: &str) -> Option<Self> {
        match extension {
            "png" => Some(Self::Png),
            "jpg" | "jpeg" => Some(Self::Jpeg),
            "gif" => Some(Self::Gif),
            "webp" => Some(Self::Webp),
            _ => None,
        }
    }

    /// Without the dot.
    pub const fn extension(self) -> &'static str {
        match self {
            Self::Png => "png",
            Self::Jpeg => "jpg",
            Self::Gif => "gif",
            Self::Webp => "webp",
        }
    }

    /// Content type.
    pub const fn mime(self) -> &'static str {
        match self {
            Self::Png => "image/png",
            Self::Jpeg => "image/jpeg",
            Self::Gif => "image/gif",
            Self::Webp => "image/webp",
        }
    }
}

/// A picture as it is kept.
#[derive(Debug)]
pub struct Picture {
    /// What it is now.
    pub kind: Kind,
    /// The file.
    pub bytes: Vec<u8>,
    /// Only the first picture of an animation was kept.
    pub stopped: bool,
}

/// Why a file is not kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// No picture of a kind that we take.
    Kind,
    /// More pixels than [`PIXELS_MAX`], or a side beyond [`SIDE_MAX`].
    Pixels,
    /// It begins like a picture and cannot be read to its end.
    Broken,
}

/// Decodes and writes anew. Takes up to seconds and some hundred megabytes: not on an async thread.
pub fn clean(bytes: &[u8]) -> Result<Picture, Trouble> {
    let input = || Cursor::new(bytes);
    match Kind::of(bytes).ok_or(Trouble::Kind)? {
        Kind::Png => {
            let decoder = PngDecoder::with_limits(input(), limits()).map_err(trouble)?;
            let stopped = decoder.is_apng().map_err(trouble)?;
            let picture = eight_bits(decode(decoder)?);
            Ok(Picture { kind: Kind::Png, bytes: png(&picture)?, stopped })
        }
        Kind::Jpeg => {
            let picture = decode(JpegDecoder::new(input()).map_err(trouble)?)?;
            Ok(Picture { kind: Kind::Jpeg, bytes: jpeg(&picture)?, stopped: false })
        }
        Kind::Webp => {
            let decoder = WebPDecoder::new(input()).map_err(trouble)?;
            let stopped = decoder.has_animation();
            let picture = decode(decoder)?;
            let mut bytes = Vec::new();
            picture.write_with_encoder(WebPEncoder::new_lossless(&mut bytes)).map_err(trouble)?;
            if bytes.len() > WEBP_MAX && !picture.color().has_alpha() {
                return Ok(Picture { kind: Kind::Jpeg, bytes: jpeg(&picture)?, stopped });
            }
            Ok(Picture { kind: Kind::Webp, bytes, stopped })
        }
        Kind::Gif => gif(bytes),
    }
}

fn limits() -> Limits {
    let mut limits = Limits::no_limits();
    limits.max_image_width = Some(SIDE_MAX);
    limits.max_image_height = Some(SIDE_MAX);
    limits.max_alloc = Some(DECODER_BYTES_MAX);
    limits
}

fn trouble(error: ImageError) -> Trouble {
    match error {
        ImageError::Limits(_) => Trouble::Pixels,
        _ => Trouble::Broken,
    }
}

fn within(decoder: &mut impl ImageDecoder) -> Result<u64, Trouble> {
    let (width, height) = decoder.dimensions();
    let pixels = u64::from(width) * u64::from(height);
    if pixels > PIXELS_MAX || width > SIDE_MAX || height > SIDE_MAX {
        return Err(Trouble::Pixels);
    }
    decoder.set_limits(limits()).map_err(trouble)?;
    Ok(pixels)
}

fn decode(mut decoder: impl ImageDecoder) -> Result<DynamicImage, Trouble> {
    within(&mut decoder)?;
    // Cameras write which side is up beside the picture, where it would be lost.
    let up = decoder.orientation().unwrap_or(Orientation::NoTransforms);
    let mut picture = DynamicImage::from_decoder(decoder).map_err(trouble)?;
    picture.apply_orientation(up);
    Ok(picture)
}

/// Screens show eight bits per colour.
fn eight_bits(picture: DynamicImage) -> DynamicImage {
    match picture {
        DynamicImage::ImageLuma16(_) => picture.into_luma8().into(),
        DynamicImage::ImageLumaA16(_) => picture.into_luma_alpha8().into(),
        DynamicImage::ImageRgb16(_) => picture.into_rgb8().into(),
        DynamicImage::ImageRgba16(_) => picture.into_rgba8().into(),
        eight => eight,
    }
}

fn png(picture: &DynamicImage) -> Result<Vec<u8>, Trouble> {
    let mut bytes = Vec::new();
    let encoder = PngEncoder::new_with_quality(&mut bytes, CompressionType::Default, FilterType::Adaptive);
    picture.write_with_encoder(encoder).map_err(trouble)?;
    Ok(bytes)
}

fn jpeg(picture: &DynamicImage) -> Result<Vec<u8>, Trouble> {
    let mut bytes = Vec::new();
    let encoder = JpegEncoder::new_with_quality(&mut bytes, QUALITY);
    match picture {
        DynamicImage::ImageLuma8(grey) => grey.write_with_encoder(encoder),
        other => other.to_rgb8().write_with_encoder(encoder),
    }
    .map_err(trouble)?;
    Ok(bytes)
}

/// A short animation stays one; of a long one, or one that breaks off, the first picture is kept.
fn gif(bytes: &[u8]) -> Result<Picture, Trouble> {
    let frames = |bytes| {
        let mut decoder = GifDecoder::new(Cursor::new(bytes)).map_err(trouble)?;
        let pixels = within(&mut decoder)?;
        Ok((pixels, decoder.into_frames()))
    };
    let (pixels, all) = frames(bytes)?;
    let mut moving = Vec::new();
    let mut count = 0;
    let mut encoder = GifEncoder::new_with_speed(&mut moving, GIF_SPEED);
    let mut first = None;
    let mut stopped = false;
    for frame in all {
        let frame = match frame {
            Ok(frame) => frame,
            Err(error) if count == 0 => return Err(trouble(error)),
            Err(_) => {
                stopped = true;
                break;
            }
        };
        count += 1;
        if count > FRAMES_MAX || pixels * count as u64 > ANIMATION_PIXELS_MAX.max(pixels) {
            stopped = true;
            break;
        }
        match count {
            1 => first = Some(frame),
            _ => {
                if let Some(first) = first.take() {
                    encoder.set_repeat(Repeat::Infinite).map_err(trouble)?;
                    encoder.encode_frame(first).map_err(trouble)?;
                }
                encoder.encode_frame(frame).map_err(trouble)?;
            }
        }
    }
    drop(encoder);
    if count > 1 && !stopped {
        return Ok(Picture { kind: Kind::Gif, bytes: moving, stopped });
    }
    let first = match first {
        Some(first) => first,
        None => frames(bytes)?.1.next().ok_or(Trouble::Broken)?.map_err(trouble)?,
    };
    let mut still = Vec::new();
    GifEncoder::new_with_speed(&mut still, GIF_SPEED).encode_frame(first).map_err(trouble)?;
    Ok(Picture { kind: Kind::Gif, bytes: still, stopped })
}
