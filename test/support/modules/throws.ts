/** A module that cannot be loaded. */
export {}
throw new Error("this module does not load")
