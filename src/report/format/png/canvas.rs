//! SVG documents that plotters draws, as PNG files. All text is DejaVu Sans.

use crate::report::format::png::text::FONTS;
use plotters::prelude::*;
use resvg::tiny_skia::{Pixmap, Transform};
use resvg::usvg::{Options, Tree, fontdb};
use std::sync::{Arc, LazyLock};

/// A part of a picture, in pixels from its corner.
pub(crate) type Area<'a> = DrawingArea<SVGBackend<'a>, plotters::coord::Shift>;
/// The result of drawing; in memory it does not fail.
pub(crate) type Drawn<T = ()> = Result<T, DrawingAreaErrorKind<std::io::Error>>;

/// No other fonts: the same document gives the same pixels everywhere.
static OPTIONS: LazyLock<Options<'static>> = LazyLock::new(|| {
    let mut fonts = fontdb::Database::new();
    for font in FONTS {
        fonts.load_font_source(fontdb::Source::Binary(Arc::new(font)));
    }
    fonts.set_sans_serif_family("DejaVu Sans");
    Options { fontdb: Arc::new(fonts), ..Options::default() }
});

/// Returns a picture of a size in pixels as a PNG file.
pub(crate) fn picture(size: (u32, u32), draw: impl FnOnce(&Area) -> Drawn) -> Vec<u8> {
    let mut document = String::new();
    let area = SVGBackend::with_string(&mut document, size).into_drawing_area();
    let drawn = area.fill(&WHITE).and_then(|()| draw(&area)).and_then(|()| area.present());
    drop(area);
    drawn.expect("memory takes every element");
    // XML has no such characters, but a label may.
    document.retain(|c| c == '\n' || !(c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}')));
    // plotters centres the letter x; centred capitals and digits look better.
    rasterise(&document.replace("dy=\"0.5ex\"", "dy=\"0.365em\""))
}

/// Renders a document as a PNG file.
fn rasterise(document: &str) -> Vec<u8> {
    let tree = Tree::from_str(document, &OPTIONS).expect("plotters writes SVG");
    let size = tree.size().to_int_size();
    let mut pixels = Pixmap::new(size.width(), size.height()).expect("a picture has a size");
    resvg::render(&tree, Transform::identity(), &mut pixels.as_mut());
    pixels.encode_png().expect("memory takes every pixel")
}
