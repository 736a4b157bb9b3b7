//! Decodes PNG and JPEG pictures, whole and upright.
//!
//! `image` decodes what it can of a JPEG file that was cut short and fills the rest with grey, as
//! browsers do; here that would be half a picture with a whole label. So a JPEG file has to reach its
//! end marker, as Pillow asks too, and its data are decoded by the same decoder in its strict mode, which
//! refuses invalid codes. (Data that an end marker replaced are zeros to that decoder, in any mode.) A
//! picture is turned or mirrored as its Exif orientation says, which viewers do before they show it.

use std::io::Cursor;

use image::metadata::Orientation;
use image::{
    ColorType, DynamicImage, GrayImage, ImageDecoder, ImageFormat, ImageReader, Limits, RgbImage,
};
use zune_jpeg::JpegDecoder;
use zune_jpeg::zune_core::bytestream::ZCursor;
use zune_jpeg::zune_core::colorspace::ColorSpace;
use zune_jpeg::zune_core::options::DecoderOptions;

/// Weights of red, green and blue in grey, in parts of 65536: Rec. 601's 0.299, 0.587 and 0.114, as
/// Pillow has them.
const GREY: [u32; 3] = [19595, 38470, 7471];

/// Decodes a PNG or JPEG file, recognized by content, in the orientation that its Exif data give.
///
/// # Errors
/// Why it cannot be decoded: another format, damage, a JPEG file that was cut short, or more than the
/// 512 MiB of pixels that `image` allows.
pub fn decode_picture(file: &[u8]) -> Result<DynamicImage, String> {
    let (format, mut decoder) = open(file)?;
    // What cannot be read of Exif says nothing.
    let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
    Limits::default().reserve(decoder.total_bytes()).map_err(words)?;
    let strict = match format {
        Some(ImageFormat::Jpeg) if check_jpeg(file)? == Headers::Clean => {
            strict_jpeg(file, decoder.color_type())?
        }
        _ => None,
    };
    let mut picture = match strict {
        Some(picture) => picture,
        None => DynamicImage::from_decoder(decoder).map_err(words)?,
    };
    picture.apply_orientation(orientation);
    Ok(picture)
}

/// Checks what a picture's headers tell, and that a JPEG file reaches its end.
///
/// # Errors
/// As [`decode_picture`], as far as it can be told without decoding.
pub(crate) fn check_picture(file: &[u8]) -> Result<(), String> {
    let (format, _) = open(file)?;
    if format == Some(ImageFormat::Jpeg) {
        check_jpeg(file)?;
    }
    Ok(())
}

fn words(error: impl std::error::Error) -> String {
    error.to_string()
}

fn open(file: &[u8]) -> Result<(Option<ImageFormat>, impl ImageDecoder + '_), String> {
    let reader = ImageReader::new(Cursor::new(file)).with_guessed_format().map_err(words)?;
    let format = reader.format();
    Ok((format, reader.into_decoder().map_err(words)?))
}

/// Grey of a colour picture: (19595 R + 38470 G + 7471 B + 32768) / 65536, rounded down, which is
/// (299 R + 587 G + 114 B) / 1000 rounded as Pillow rounds it. A picture that is grey stays as it is.
pub(crate) fn grey(picture: DynamicImage) -> GrayImage {
    if !picture.color().has_color() {
        return picture.into_luma8();
    }
    let picture = picture.into_rgb8();
    let (width, height) = picture.dimensions();
    let sum = |pixel: &[u8]| -> u32 {
        pixel.iter().zip(GREY).map(|(value, weight)| u32::from(*value) * weight).sum()
    };
    // The weights add up to 65536, so the quotient is at most 255.
    let pixels = picture.chunks_exact(3).map(|pixel| ((sum(pixel) + 32768) >> 16) as u8);
    GrayImage::from_raw(width, height, pixels.collect()).expect("a byte for each pixel")
}

/// What lies between the headers of a JPEG file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Headers {
    /// Nothing.
    Clean,
    /// Bytes that belong to none, which decoders skip, but not in strict mode.
    Padded,
}

/// Goes through a JPEG file from marker to marker, to its end marker. What follows that one is no part
/// of the picture.
///
/// # Errors
/// A file that ends before.
fn check_jpeg(file: &[u8]) -> Result<Headers, String> {
    let cut = || format!("a JPEG file that was cut short after {} bytes", file.len());
    let mut headers = Headers::Clean;
    // Behind the marker of the start, by which it was recognized.
    let mut at = 2;
    loop {
        let rest = file.get(at..).unwrap_or_default();
        // Any number of bytes ff may stand before a marker.
        let is_marker = |two: &[u8]| two[0] == 0xff && !matches!(two[1], 0 | 0xff);
        let skipped = rest.windows(2).position(is_marker).ok_or_else(cut)?;
        if rest[..skipped].iter().any(|byte| *byte != 0xff) {
            headers = Headers::Padded;
        }
        at += skipped;
        match file[at + 1] {
            // The end.
            0xd9 => return Ok(headers),
            // Markers that stand alone.
            0x01 | 0xd0..=0xd8 => at += 2,
            marker => {
                let length = file.get(at + 2..at + 4).ok_or_else(cut)?;
                at += 2 + usize::from(u16::from_be_bytes([length[0], length[1]])).max(2);
                if marker != 0xda {
                    continue;
                }
                // A scan: data, in which ff is followed by 00 unless it begins a marker, and markers
                // of restarts.
                let data = file.get(at..).unwrap_or_default();
                let end = |two: &[u8]| is_marker(two) && !matches!(two[1], 0xd0..=0xd7);
                at += data.windows(2).position(end).ok_or_else(cut)?;
            }
        }
    }
}

/// Decodes a JPEG file, all of it or not at all; none for colours that `image` has to convert.
fn strict_jpeg(file: &[u8], color: ColorType) -> Result<Option<DynamicImage>, String> {
    let out = match color {
        ColorType::L8 => ColorSpace::Luma,
        ColorType::Rgb8 => ColorSpace::RGB,
        _ => return Ok(None),
    };
    let options = DecoderOptions::default()
        .set_strict_mode(true)
        .set_max_width(usize::MAX)
        .set_max_height(usize::MAX)
        .jpeg_set_out_colorspace(out);
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(file), options);
    let pixels = decoder.decode().map_err(words)?;
    let (width, height) = decoder.dimensions().ok_or("a JPEG file without dimensions")?;
    // A JPEG file has 16 bits for each.
    let (width, height) = (width as u32, height as u32);
    let picture = match out {
        ColorSpace::Luma => GrayImage::from_raw(width, height, pixels).map(DynamicImage::from),
        _ => RgbImage::from_raw(width, height, pixels).map(DynamicImage::from),
    };
    picture.map(Some).ok_or_else(|| "a JPEG file of fewer pixels than it declares".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grey_is_what_pillow_makes_of_a_colour() {
        // Image.new("RGB", (1, 1), colour).convert("L").getpixel((0, 0)), Pillow 12.
        for (colour, expected) in [
            ([255, 0, 0], 76),
            ([0, 255, 0], 150),
            ([0, 0, 255], 29),
            ([255, 255, 255], 255),
            ([254, 255, 255], 255),
            ([1, 2, 3], 2),
            ([10, 200, 30], 124),
            ([100, 150, 200], 141),
            ([17, 203, 91], 135),
            ([0, 0, 4], 0),
            ([0, 0, 5], 1),
        ] {
            let picture = RgbImage::from_pixel(2, 1, image::Rgb(colour));
            assert_eq!(grey(picture.into()).into_raw(), [expected; 2], "{colour:?}");
        }
        for level in 0..=255 {
            let picture = RgbImage::from_pixel(1, 1, image::Rgb([level; 3]));
            assert_eq!(grey(picture.into()).into_raw(), [level]);
            let picture = GrayImage::from_pixel(1, 1, image::Luma([level]));
            assert_eq!(grey(picture.into()).into_raw(), [level]);
        }
        let deep = image::ImageBuffer::from_pixel(1, 1, image::Rgb([65535_u16, 0, 0]));
        assert_eq!(grey(DynamicImage::ImageRgb16(deep)).into_raw(), [76]);
        let clear = image::RgbaImage::from_pixel(1, 1, image::Rgba([255, 0, 0, 9]));
        assert_eq!(grey(clear.into()).into_raw(), [76]);
    }

    #[test]
    fn markers_are_followed_to_the_end() {
        let parts = |parts: &[&[u8]]| [&[0xff, 0xd8][..], &parts.concat()].concat();
        let segment: &[u8] = &[0xff, 0xe1, 0, 4, 0xff, 0xd9];
        let scan: &[u8] = &[0xff, 0xda, 0, 2, 1, 0xff, 0, 2, 0xff, 0xd3, 3, 0xff, 0];
        let end: &[u8] = &[0xff, 0xd9];
        let whole = parts(&[segment, scan, segment, scan, end]);
        assert_eq!(check_jpeg(&whole), Ok(Headers::Clean));
        assert_eq!(check_jpeg(&[&whole[..], b"more"].concat()), Ok(Headers::Clean));
        for length in 2..whole.len() {
            let error = check_jpeg(&whole[..length]).unwrap_err();
            assert_eq!(error, format!("a JPEG file that was cut short after {length} bytes"));
        }
        let filled = parts(&[&[0xff; 5], segment, scan, end]);
        assert_eq!(check_jpeg(&filled), Ok(Headers::Clean));
        let padded = parts(&[segment, b"abcdef", scan, end]);
        assert_eq!(check_jpeg(&padded), Ok(Headers::Padded));
        // A length that is too small for itself is taken for the smallest.
        assert_eq!(check_jpeg(&parts(&[&[0xff, 0xe1, 0, 0], end])), Ok(Headers::Clean));
    }
}
