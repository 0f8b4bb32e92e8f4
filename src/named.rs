//! Enums as tables: what is known of each variant stands beside it.

/// Makes an enum of variants that each have a row of a table.
macro_rules! tabled {
    (
        $(#[$about:meta])*
        pub enum $Enum:ident: $Row:ty { $($(#[$variant_about:meta])* $Variant:ident = $row:expr,)+ }
    ) => {
        $(#[$about])*
        pub enum $Enum {
            $($(#[$variant_about])* $Variant,)+
        }

        impl $Enum {
            /// Every one, in the order in which files and tables have them.
            pub const ALL: [$Enum; [$(stringify!($Variant)),+].len()] = [$($Enum::$Variant),+];

            const fn row(self) -> $Row {
                match self {
                    $($Enum::$Variant => $row,)+
                }
            }
        }
    };
}

/// Makes an enum of variants that each have a name in files.
macro_rules! named {
    (
        $(#[$about:meta])*
        pub enum $Enum:ident { $($(#[$variant_about:meta])* $Variant:ident = $name:literal,)+ }
    ) => {
        tabled! {
            $(#[$about])*
            pub enum $Enum: &'static str {
                $($(#[$variant_about])* $Variant = $name,)+
            }
        }

        impl $Enum {
            /// The name used in files.
            pub const fn name(self) -> &'static str {
                self.row()
            }
        }
    };
}
