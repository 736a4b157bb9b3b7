//! Files of images: IDX, CIFAR, lists.

mod cifar;
mod idx;
mod idx_names;
mod image_list;
