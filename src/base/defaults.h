/* SPDX-License-Identifier: MIT */
/*
 * defaults.h - options that were left 0.
 */
#ifndef BASE_DEFAULTS_H
#define BASE_DEFAULTS_H

/* For a field of any type of number. */
#define SET_DEFAULT(option, value) ((option) = (option) != 0 ? (option) : (value))

#endif
