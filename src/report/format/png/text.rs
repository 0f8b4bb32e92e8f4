//! Layout of text. Glyphs are placed at fractions of a pixel with side bearings and kerning, so that
//! letters are evenly spaced.

use ab_glyph::{Font, FontRef, GlyphId, PxScale, PxScaleFont, ScaleFont, point};
use plotters::prelude::*;
use plotters_backend::text_anchor::{HPos, Pos, VPos};
use std::sync::LazyLock;

pub(crate) const INK: RGBColor = RGBColor(30, 30, 30);
pub(crate) const GREY: RGBColor = RGBColor(105, 105, 105);
/// The height of a capital over the size of its font.
pub(crate) const CAPITAL: f32 = 0.73;

/// DejaVu Sans (Bitstream Vera licence, see `report/font`).
static REGULAR: LazyLock<FontRef<'static>> =
    LazyLock::new(|| load(include_bytes!("font/DejaVuSans.ttf")));
static BOLD: LazyLock<FontRef<'static>> =
    LazyLock::new(|| load(include_bytes!("font/DejaVuSans-Bold.ttf")));

type ScaledFont = PxScaleFont<&'static FontRef<'static>>;

fn load(bytes: &'static [u8]) -> FontRef<'static> {
    FontRef::try_from_slice(bytes).expect("the embedded font is a font; a test draws with it")
}

/// Returns the font at a size in pixels per em.
pub(crate) fn font(size: f32, style: FontStyle) -> ScaledFont {
    let font: &FontRef = if matches!(style, FontStyle::Bold) { &BOLD } else { &REGULAR };
    let units = font.units_per_em().unwrap_or(2048.0);
    font.as_scaled(PxScale::from(size * font.height_unscaled() / units))
}

/// Returns the width of a text in pixels.
pub(crate) fn width(font: &ScaledFont, text: &str) -> f32 {
    let mut end = 0.0;
    place(font, text, |x, id| end = x + font.h_advance(id));
    end
}

/// Calls `each` with each pixel of a text that starts at a point of its baseline, and with the
/// covered share.
pub(crate) fn pixels(
    font: &ScaledFont,
    text: &str,
    (left, baseline): (f32, f32),
    mut each: impl FnMut(i32, i32, f32),
) {
    place(font, text, |x, id| {
        let glyph = id.with_scale_and_position(font.scale(), point(left + x, baseline));
        if let Some(outline) = font.outline_glyph(glyph) {
            let corner = outline.px_bounds().min;
            let (left, top) = (corner.x as i32, corner.y as i32);
            outline.draw(|x, y, cover| each(left + x as i32, top + y as i32, cover));
        }
    });
}

fn place(font: &ScaledFont, text: &str, mut each: impl FnMut(f32, GlyphId)) {
    let mut x = 0.0;
    let mut last = None;
    for c in text.chars() {
        let id = font.glyph_id(c);
        x += last.map_or(0.0, |last| font.kern(last, id));
        each(x, id);
        x += font.h_advance(id);
        last = Some(id);
    }
}

/// Size in pixels per em, weight and colour.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pen {
    pub size: f32,
    bold: bool,
    colour: RGBColor,
}

impl Pen {
    pub(crate) const fn new(size: f32) -> Pen {
        Pen { size, bold: false, colour: INK }
    }
    pub(crate) const fn bold(self) -> Pen {
        Pen { bold: true, ..self }
    }
    pub(crate) const fn colour(self, colour: RGBColor) -> Pen {
        Pen { colour, ..self }
    }
    fn weight(self) -> FontStyle {
        if self.bold { FontStyle::Bold } else { FontStyle::Normal }
    }
    /// Returns plotters' style, vertically centred.
    pub(crate) fn at(self, h_pos: HPos) -> TextStyle<'static> {
        let font = FontDesc::new(FontFamily::SansSerif, self.size.into(), self.weight());
        let color = self.colour.to_backend_color();
        TextStyle { font, color, pos: Pos::new(h_pos, VPos::Center) }
    }
    /// Returns the width of a text in pixels.
    pub(crate) fn width(self, text: &str) -> f32 {
        width(&font(self.size, self.weight()), text)
    }
    /// Returns the text, cut with an ellipsis if it is wider than `most`.
    pub(crate) fn fit(self, text: &str, most: f32) -> String {
        if self.width(text) <= most {
            return text.to_owned();
        }
        let mut kept: Vec<char> = text.chars().collect();
        while kept.pop().is_some() {
            let shorter: String = kept.iter().chain(&['…']).collect();
            if self.width(&shorter) <= most {
                return shorter;
            }
        }
        String::new()
    }
    /// Returns the text in lines that are at most `most` wide.
    pub(crate) fn wrap(self, text: &str, most: f32) -> Vec<String> {
        let mut lines: Vec<String> = Vec::new();
        for word in text.split_whitespace() {
            match lines.last_mut() {
                Some(line) if self.width(&format!("{line} {word}")) <= most => {
                    line.push(' ');
                    line.push_str(word);
                }
                _ => lines.push(self.fit(word, most)),
            }
        }
        lines
    }
}
