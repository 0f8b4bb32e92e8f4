//! Enums whose variants have a name in files, in one table.

/// Makes an enum of such variants, with every variant in order and the name of each.
macro_rules! named {
    (
        $(#[$about:meta])*
        pub enum $Enum:ident { $($(#[$variant_about:meta])* $Variant:ident = $name:literal,)+ }
    ) => {
        $(#[$about])*
        pub enum $Enum {
            $($(#[$variant_about])* $Variant,)+
        }

        impl $Enum {
            /// Every one, in the order in which files and tables have them.
            pub const ALL: [$Enum; [$($name),+].len()] = [$($Enum::$Variant),+];
            /// The name used in files.
            pub const fn name(self) -> &'static str {
                match self {
                    $($Enum::$Variant => $name,)+
                }
            }
        }
    };
}
