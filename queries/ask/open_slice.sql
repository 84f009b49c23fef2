SELECT open_slice();
