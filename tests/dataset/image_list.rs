//! Image lists, from pictures made here: what they come to in memory and out of it, what training
//! sees of them, and mistakes.

use std::fs;

use flexmac_dataset::{
    BatchMode, Crop, DataSource, Dataset, DatasetError, InputSpec, ListOptions, Mean, Split,
};
use flexmac_nn::Shape;
use tempfile::TempDir;

const COLOUR: InputSpec =
    InputSpec { shape: Shape { height: 6, width: 6, channels: 3 }, classes: 4 };

/// Pictures as they are, whole.
const PLAIN: ListOptions = ListOptions {
    resize: Some(6),
    crop: Crop::Centre,
    mirror: false,
    mean: Mean::None,
    memory: 1 << 20,
};

/// A folder with pictures and the two lists.
fn folder(train: &str, test: &str) -> TempDir {
    let folder = TempDir::new().unwrap();
    let save = |name: &str, side: u32, pixel: &dyn Fn(u32, u32) -> [u8; 3]| {
        let image = image::RgbImage::from_fn(side, side, |x, y| image::Rgb(pixel(x, y)));
        image.save(folder.path().join(name)).unwrap();
    };
    // Each pixel tells where it was.
    save("a b.png", 8, &|x, y| [10 * x as u8, 10 * y as u8, 100]);
    save("c.png", 8, &|x, y| [200 - 10 * x as u8, 10 * y as u8, 50]);
    save("flat.png", 16, &|_, _| [30, 60, 90]);
    image::RgbImage::from_fn(24, 6, |x, _| image::Rgb([if x < 12 { 0 } else { 240 }; 3]))
        .save(folder.path().join("wide.png"))
        .unwrap();
    image::GrayImage::from_pixel(8, 8, image::Luma([100]))
        .save(folder.path().join("g.jpg"))
        .unwrap();
    fs::write(folder.path().join("broken.png"), b"\x89PNG\r\n\x1a\nnothing").unwrap();
    let whole = fs::read(folder.path().join("a b.png")).unwrap();
    fs::write(folder.path().join("cut.png"), &whole[..whole.len() / 2]).unwrap();
    fs::write(folder.path().join("train.txt"), train).unwrap();
    fs::write(folder.path().join("test.txt"), test).unwrap();
    folder
}

fn load(folder: &TempDir, need: InputSpec, options: &ListOptions) -> Result<Dataset, DatasetError> {
    DataSource::parse(folder.path().to_str().unwrap()).load_for(1, need, options)
}

/// All images of a split, whole numbers again.
fn bytes(split: &Split, look: BatchMode) -> Vec<Vec<u8>> {
    let one = |number| {
        let values = split.batch(&[number], look).unwrap();
        values.iter().map(|value| (value * 255.0).round() as u8).collect()
    };
    (0..split.len()).map(one).collect()
}

#[test]
fn lists_are_read_scaled_and_labelled() {
    let folder = folder("# a comment\nflat.png 2\n\nwide.png\t0\n g.jpg 3\n", "a b.png 1\n");
    let set = load(&folder, COLOUR, &PLAIN).unwrap();
    assert_eq!((0..3).map(|i| set.train.label(i)).collect::<Vec<_>>(), [2, 0, 3]);
    let images = bytes(&set.train, BatchMode::Evaluation);
    assert_eq!(images[0], [30, 60, 90].repeat(36));
    // Four times as wide as high: both sides are scaled, nothing is cut off.
    for row in images[1].chunks(18) {
        assert!(row[..6].iter().all(|value| *value < 30) && row[12..].iter().all(|v| *v > 210));
    }
    assert!(images[2].iter().all(|value| value.abs_diff(100) <= 2));
    let lists = ["train.txt", "test.txt"].map(|name| folder.path().join(name));
    let [train, test] = lists.map(|path| path.display().to_string());
    let named = DataSource::parse(&format!("{train},{test}"));
    assert_eq!(named.load_for(1, COLOUR, &PLAIN).unwrap(), set);
    assert!(named.has_image_lists() && !DataSource::Mnist.has_image_lists());
    let grey = InputSpec { shape: Shape { channels: 1, ..COLOUR.shape }, classes: 4 };
    let set = load(&folder, grey, &PLAIN).unwrap();
    assert_eq!(set.train.batch(&[0, 1], BatchMode::Evaluation).unwrap().len(), 72);
}

#[test]
fn training_sees_windows_that_replay_and_tests_the_middle() {
    let folder = folder("a b.png 0\nc.png 1\n", "a b.png 0\n");
    let options = ListOptions { resize: Some(8), crop: Crop::Random, mirror: true, ..PLAIN };
    let set = load(&folder, COLOUR, &options).unwrap();
    let middle = &bytes(&set.test, BatchMode::Evaluation)[0];
    assert_eq!(middle[..3], [10, 10, 100], "one pixel off each side");
    let look = |seed, iteration| bytes(&set.train, BatchMode::Training { seed, iteration });
    let mut seen = [false; 2];
    for iteration in 0..40 {
        for image in look(1, iteration) {
            // 6 x 6 neighbouring places, their columns in either direction.
            let (first, second) = (i32::from(image[0]), i32::from(image[3]));
            assert!((second - first).abs() == 10 && image[1] <= 20, "{first} {second}");
            seen[usize::from(second > first)] = true;
        }
        assert_eq!(look(1, iteration), look(1, iteration));
    }
    assert_eq!(seen, [true; 2], "mirrored and not");
    let many = |seed| (0..8).map(|iteration| look(seed, iteration)).collect::<Vec<_>>();
    assert_ne!(many(1), many(2));
    assert_ne!(look(1, 0), look(1, 1));
    // A picture's window does not depend on what else is in the batch.
    let look = BatchMode::Training { seed: 1, iteration: 5 };
    let both = set.train.batch(&[1, 0], look).unwrap();
    assert_eq!(both[..108], set.train.batch(&[1], look).unwrap());
}

#[test]
fn pictures_in_memory_and_in_files_are_the_same() {
    let folder = folder("a b.png 0\nc.png 1\ng.jpg 2\n", "a b.png 0\nflat.png 3\n");
    let options = ListOptions { resize: Some(7), crop: Crop::Random, mean: Mean::Train, ..PLAIN };
    // The training pictures alone take 441 bytes, all five 735.
    for (memory, kept) in
        [(735, [true, true]), (734, [true, false]), (440, [false, true]), (0, [false; 2])]
    {
        let inside = load(&folder, COLOUR, &options).unwrap();
        let set = load(&folder, COLOUR, &ListOptions { memory, ..options }).unwrap();
        let decoded = [&set.train, &set.test].map(Split::is_decoded_per_batch);
        assert_eq!(decoded, kept.map(|kept| !kept), "{memory}");
        assert_eq!(
            (set.train.sha256(), set.train.mean()),
            (inside.train.sha256(), inside.train.mean())
        );
        assert_eq!(
            (set.test.sha256(), set.test.mean()),
            (inside.test.sha256(), inside.train.mean())
        );
        let look = BatchMode::Training { seed: 3, iteration: 9 };
        let batches = [&set, &inside].map(|set| set.train.batch(&[2, 0, 1], look).unwrap());
        assert_eq!(batches[0], batches[1]);
        let batches =
            [&set, &inside].map(|set| set.test.batch(&[1, 0], BatchMode::Evaluation).unwrap());
        assert_eq!(batches[0], batches[1]);
    }
    let digest = |folder: &TempDir| load(folder, COLOUR, &options).unwrap().train.sha256();
    let before = digest(&folder);
    fs::copy(folder.path().join("c.png"), folder.path().join("a b.png")).unwrap();
    assert_ne!(digest(&folder), before, "another picture under the same name");
}

#[test]
fn means_are_those_of_the_training_pictures_or_given() {
    let folder = folder("flat.png 0\na b.png 1\n", "flat.png 0\n");
    let with =
        |mean| load(&folder, COLOUR, &ListOptions { resize: Some(8), mean, ..PLAIN }).unwrap();
    let set = with(Mean::Train);
    assert_eq!(set.train.mean(), Some(&[32.5, 47.5, 95.0][..]));
    assert_eq!(set.test.mean(), set.train.mean());
    let first = &set.test.batch(&[0], BatchMode::Evaluation).unwrap()[..3];
    assert_eq!(first, [-2.5 / 255.0, 12.5 / 255.0, -5.0 / 255.0]);
    let set = with(Mean::Given([30.0, 0.0, 100.0]));
    let first = &set.train.batch(&[0], BatchMode::Evaluation).unwrap()[..3];
    assert_eq!(first, [0.0, 60.0 / 255.0, -10.0 / 255.0]);
    assert_eq!(with(Mean::None).train.mean(), Some(&[0.0; 3][..]));
}

#[test]
fn mistakes_name_list_and_line() {
    let error = |train: &str, test: &str, options: &ListOptions| {
        load(&folder(train, test), COLOUR, options).unwrap_err().to_string()
    };
    let good = "c.png 1\n";
    let contains = |found: String, words: &[&str]| {
        for word in words {
            assert!(found.contains(word), "{word:?} is not in: {found}");
        }
    };
    // Whether pictures are decoded at the start or only looked at.
    let later = ListOptions { memory: 0, ..PLAIN };
    for options in [&PLAIN, &later] {
        let found = error("c.png 2\n\nc.png 4\n", good, options);
        contains(found, &["train.txt, line 3: expected a label below 4, found \"c.png 4\""]);
        contains(error(good, "c.png -1", options), &["test.txt, line 1: expected a label below 4"]);
        let found = error("picture", good, options);
        contains(found, &["line 1: expected a path, a space and a label"]);
        let found = error(good, "#\nc.png 0\nnone.png 1\nmore.png 1", options);
        contains(found, &["test.txt, line 3: expected a PNG or JPEG", "none.png: No such file"]);
        let found = error("broken.png 1", good, options);
        contains(found, &["line 1: expected a PNG or JPEG picture, found", "broken.png"]);
        contains(error("#\n", good, options), &["expected at least one picture, found none"]);
        for (resize, name) in [(5, "5"), (5000, "5000")] {
            let options = ListOptions { resize: Some(resize), ..*options };
            let found = error(good, good, &options);
            contains(found, &["expected resize from the network's 6 to 4096, found", name]);
        }
    }
    contains(error("cut.png 1", good, &PLAIN), &["line 1: expected a PNG or JPEG picture"]);
    let two = InputSpec { shape: Shape { channels: 2, ..COLOUR.shape }, classes: 4 };
    let found = load(&folder(good, good), two, &PLAIN).unwrap_err().to_string();
    contains(found, &["expected a network of 1 channel (grey) or 3"]);
}

/// A picture that is only broken further in is found when it is decoded, as an error and not a panic.
#[test]
fn a_picture_that_breaks_later_is_an_error_of_its_batch() {
    let folder = folder("c.png 0\ncut.png 1\n", "c.png 0\n");
    let options = ListOptions { memory: 0, ..PLAIN };
    let set = load(&folder, COLOUR, &options).unwrap();
    assert!(set.train.batch(&[0], BatchMode::Evaluation).is_ok());
    let error = set.train.batch(&[0, 1], BatchMode::Evaluation).unwrap_err().to_string();
    assert!(error.contains("train.txt, line 2: expected a PNG or JPEG picture"), "{error}");
    // With the mean to be computed, it is found at the start.
    let options = ListOptions { mean: Mean::Train, ..options };
    let error = load(&folder, COLOUR, &options).unwrap_err().to_string();
    assert!(error.contains("train.txt, line 2"), "{error}");
}

#[test]
fn sides_follow_from_the_network() {
    let side = |height, width| {
        let shape = Shape { height, width, channels: 3 };
        ListOptions::default().side(shape)
    };
    assert_eq!((side(227, 227), side(64, 64), side(28, 20), side(1, 1)), (256, 72, 32, 1));
}

/// Pictures of 24 x 20, as Pillow wrote them: noise, with Exif's orientation 6 in the first.
const JPEGS: [(&str, &[u8]); 4] = [
    ("turned", include_bytes!("../hostile/seeds/picture/turned.jpg")),
    ("progressive", include_bytes!("../hostile/seeds/picture/progressive.jpg")),
    ("grey", include_bytes!("../hostile/seeds/picture/grey.jpg")),
    ("cmyk", include_bytes!("../hostile/seeds/picture/cmyk.jpg")),
];

/// The error of a set whose second training picture has these bytes, decoded at the start or not.
fn second(picture: &[u8], memory: u64) -> Result<Vec<f64>, String> {
    let folder = folder("# these\nc.png 0\np.jpg 1\n", "c.png 0\n");
    fs::write(folder.path().join("p.jpg"), picture).unwrap();
    let set = load(&folder, COLOUR, &ListOptions { memory, ..PLAIN });
    let set = set.map_err(|error| error.to_string())?;
    set.train.batch(&[1], BatchMode::Evaluation).map_err(|error| error.to_string())
}

#[test]
fn a_jpeg_that_was_cut_short_is_refused_wherever_it_was_cut() {
    for (name, whole) in JPEGS {
        let pixels = second(whole, 1 << 20).unwrap();
        assert_eq!(second(whole, 0).unwrap(), pixels, "{name}");
        // What follows the end is no part of it, such as a second picture of a phone.
        assert_eq!(second(&[whole, whole].concat(), 0).unwrap(), pixels, "{name}");
        for length in (0..whole.len()).step_by(11) {
            for memory in [0, 1 << 20] {
                let error = second(&whole[..length], memory).unwrap_err();
                let place = "train.txt, line 3: expected a PNG or JPEG picture, found ";
                assert!(error.contains(place) && error.contains("p.jpg: "), "{name}: {error}");
            }
        }
        let error = second(&whole[..whole.len() - 40], 0).unwrap_err();
        let reason = format!("a JPEG file that was cut short after {} bytes", whole.len() - 40);
        assert!(error.ends_with(&reason), "{name}: {error}");
    }
}

#[test]
fn jpeg_data_that_are_damaged_are_refused() {
    for (name, whole) in JPEGS {
        let scan = whole.windows(2).position(|two| two == [0xff, 0xda]).unwrap();
        let mut damaged = whole.to_vec();
        // Ones, which no code consists of.
        for two in damaged[scan + 24..scan + 44].chunks_exact_mut(2) {
            two.copy_from_slice(&[0xff, 0]);
        }
        // `image` decodes of it what comes before.
        assert!(image::load_from_memory(&damaged).is_ok(), "{name}");
        let error = second(&damaged, 1 << 20).expect_err(name);
        assert!(error.contains("train.txt, line 3: expected a PNG or JPEG"), "{name}: {error}");
    }
}

#[test]
fn whole_jpegs_have_the_pixels_that_image_decodes() {
    for (name, whole) in JPEGS {
        let expected = image::load_from_memory(whole).unwrap();
        let found = flexmac_dataset::decode_picture(whole).unwrap();
        let expected = if name == "turned" { expected.rotate90() } else { expected };
        assert_eq!(found, expected, "{name}");
        // Bytes between headers, which belong to none, are skipped as other decoders skip them.
        let first = 4 + usize::from(u16::from_be_bytes([whole[4], whole[5]]));
        let padded = [&whole[..first], b"some bytes", &whole[first..]].concat();
        assert_eq!(flexmac_dataset::decode_picture(&padded).unwrap(), expected, "{name}");
    }
}

/// A picture's file with an orientation in its Exif data.
fn oriented(picture: &image::GrayImage, orientation: u8, format: image::ImageFormat) -> Vec<u8> {
    let mut file = Vec::new();
    picture.write_to(&mut std::io::Cursor::new(&mut file), format).unwrap();
    let mut exif = b"MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0".to_vec();
    exif.extend([orientation, 0, 0, 0, 0, 0, 0]);
    if format == image::ImageFormat::Jpeg {
        let segment = [b"Exif\0\0", &exif[..]].concat();
        let length = (segment.len() as u16 + 2).to_be_bytes();
        file.splice(2..2, [&[0xff, 0xe1], &length[..], &segment].concat());
    } else {
        // Behind the header, which ends with its checksum.
        let chunk = [b"eXIf", &exif[..]].concat();
        let mut sum = flate2::Crc::new();
        sum.update(&chunk);
        let length = (exif.len() as u32).to_be_bytes();
        file.splice(33..33, [&length[..], &chunk, &sum.sum().to_be_bytes()].concat());
    }
    file
}

/// Exif says which side of the upright picture the stored first row and first column are.
#[test]
fn pictures_are_turned_as_their_orientation_says() {
    let (height, width) = (16, 24);
    // Blocks of one level each, which JPEG keeps.
    let level = |row: u32, column: u32| (row / 8 * 3 + column / 8) as u8 * 40 + 20;
    let stored = image::GrayImage::from_fn(width, height, |x, y| image::Luma([level(y, x)]));
    for format in [image::ImageFormat::Jpeg, image::ImageFormat::Png] {
        for orientation in 0..=9 {
            let upright = flexmac_dataset::decode_picture(&oriented(&stored, orientation, format));
            let upright = upright.unwrap().into_luma8();
            let turned = (5..=8).contains(&orientation);
            let sides = if turned { (height, width) } else { (width, height) };
            assert_eq!(upright.dimensions(), sides, "{orientation}");
            for (row, column) in (0..height).flat_map(|r| (0..width).map(move |c| (r, c))) {
                let (bottom, right) = (height - 1 - row, width - 1 - column);
                let (y, x) = match orientation {
                    2 => (row, right),
                    3 => (bottom, right),
                    4 => (bottom, column),
                    5 => (column, row),
                    6 => (column, bottom),
                    7 => (right, bottom),
                    8 => (right, row),
                    _ => (row, column),
                };
                let found = upright.get_pixel(x, y).0[0];
                assert!(found.abs_diff(level(row, column)) <= 2, "{orientation}: {row}, {column}");
            }
        }
    }
    // As a list takes it: 24 x 16 stand as 16 x 24 before they are scaled.
    let folder = folder("p.jpg 0\n", "p.png 0\n");
    for (name, format) in [("p.jpg", image::ImageFormat::Jpeg), ("p.png", image::ImageFormat::Png)]
    {
        fs::write(folder.path().join(name), oriented(&stored, 6, format)).unwrap();
    }
    let grey = InputSpec { shape: Shape { channels: 1, ..COLOUR.shape }, classes: 4 };
    let set = load(&folder, grey, &PLAIN).unwrap();
    for split in [&set.train, &set.test] {
        let image = &bytes(split, BatchMode::Evaluation)[0];
        // Its first row is the stored first column, from the bottom up.
        assert!(image[0].abs_diff(140) <= 3 && image[5].abs_diff(20) <= 3, "{image:?}");
        assert!(image[35].abs_diff(100) <= 3, "{image:?}");
    }
}

#[test]
fn grey_is_made_from_colour_by_rec_601() {
    let folder = folder("red.png 0\n", "red.png 0\n");
    let picture = image::RgbImage::from_pixel(6, 6, image::Rgb([255, 0, 0]));
    picture.save(folder.path().join("red.png")).unwrap();
    let grey = InputSpec { shape: Shape { channels: 1, ..COLOUR.shape }, classes: 4 };
    let set = load(&folder, grey, &PLAIN).unwrap();
    assert_eq!(bytes(&set.train, BatchMode::Evaluation), [vec![76; 36]]);
}
