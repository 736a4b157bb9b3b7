//! Files of images: IDX, lists.

mod idx;
mod image_list;
