/*
 * The version that the programs of this folder say of themselves.
 */

#ifndef SEALCHAT_VERSION_H
#define SEALCHAT_VERSION_H

#define SC_VERSION "0.1.0"

#endif
