//! Pictures as PNG files: the documents of `drawing`, in pixels. All text is DejaVu Sans.

use crate::report::drawing::{self, FONTS, Picture};
use crate::report::{Format, Table};
use resvg::tiny_skia::{Pixmap, Transform};
use resvg::usvg::{Options, Tree, fontdb};
use std::sync::{Arc, LazyLock};

/// Pictures of overhead, bytes, latency, cost, single messages, age and break-even rates.
pub(crate) const PNG: Format = Format {
    name: "png",
    contents: &[
        ("overhead.png", |table| file(&drawing::OVERHEAD, table)),
        ("bytes.png", |table| file(&drawing::BYTES, table)),
        ("latency.png", |table| file(&drawing::LATENCY, table)),
        ("cost.png", |table| file(&drawing::COST, table)),
        ("timeline.png", |table| file(&drawing::TIMELINE, table)),
        ("distribution.png", |table| file(&drawing::DISTRIBUTION, table)),
        ("percentiles.png", |table| file(&drawing::PERCENTILES, table)),
        ("heat.png", |table| file(&drawing::HEAT, table)),
        ("age.png", |table| file(&drawing::AGE, table)),
        ("break-even.png", |table| file(&drawing::BREAK_EVEN, table)),
    ],
    streams: &[],
    own_process: true,
};

/// No other fonts: the same document gives the same pixels everywhere.
static OPTIONS: LazyLock<Options<'static>> = LazyLock::new(|| {
    let mut fonts = fontdb::Database::new();
    for font in FONTS {
        fonts.load_font_source(fontdb::Source::Binary(Arc::new(font)));
    }
    fonts.set_sans_serif_family("DejaVu Sans");
    Options { fontdb: Arc::new(fonts), ..Options::default() }
});

/// Returns a picture's file, which is empty if the picture is left out.
fn file(picture: &Picture, table: &Table) -> Vec<u8> {
    picture.svg(table).map_or_else(Vec::new, |document| rasterise(&document))
}

/// Renders a document as a PNG file.
fn rasterise(document: &str) -> Vec<u8> {
    let tree = Tree::from_str(document, &OPTIONS).expect("plotters writes SVG");
    let size = tree.size().to_int_size();
    let mut pixels = Pixmap::new(size.width(), size.height()).expect("a picture has a size");
    resvg::render(&tree, Transform::identity(), &mut pixels.as_mut());
    pixels.encode_png().expect("memory takes every pixel")
}
